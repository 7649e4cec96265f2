/** Words without operands of other assemblers (GNU as, MASM) and what NASM writes instead. */
// prettier-ignore
export const FOREIGN_WORDS: Readonly<Record<string, string>> = {
  sysretq: "o64 sysret", sysretl: "o32 sysret", sysexitq: "o64 sysexit", sysexitl: "o32 sysexit",
  iretqq: "iretq", iretl: "iretd", iretw: "o16 iret", lret: "retf", lretq: "o64 retf", lretl: "o32 retf",
  retl: "ret", retw: "o16 ret", pushfl: "pushfd", popfl: "popfd", pushal: "pushad", popal: "popad", pushaw: "pusha", popaw: "popa",
  cltq: "cdqe", cltd: "cdq", cqto: "cqo", cwtl: "cwde", cbtw: "cbw", cwtd: "cwd",
  movsl: "movsd", stosl: "stosd", lodsl: "lodsd", scasl: "scasd", cmpsl: "cmpsd", insl: "insd", outsl: "outsd",
  halt: "hlt", leaveq: "leave",
};
