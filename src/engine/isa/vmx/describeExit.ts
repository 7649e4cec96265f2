/** One human sentence for a VM exit, from the VM-exit information fields and what registers the caller can add. */
import { decodeErrorCode, vectorName } from "../exceptions";
import { msrText } from "../msrs";
import { fieldByEncoding, decodeFieldEncoding } from "./vmcsFields";
import { decodeExitQualification, decodeInterruptionInformation } from "./exitQualification";
import { exitReasonByNumber, type ExitReason } from "./exitReasons";
import { decodeInstructionInformation } from "./instructionInformation";
import { ENTRY_FAILURE_BIT, EVENT_TYPES } from "./fieldLayouts";

export interface ExitDetails {
  /** The exit-reason field. */
  readonly reason: number;
  readonly qualification: bigint;
  readonly interruptionInformation?: number;
  readonly interruptionErrorCode?: number;
  readonly idtVectoringInformation?: number;
  readonly instructionInformation?: number;
  readonly guestLinearAddress?: bigint;
  readonly guestPhysicalAddress?: bigint;
  /** Guest general registers by encoding (0 RAX … 15 R15): they name the MSR, the CPUID leaf, the VMCS field. */
  readonly registers?: readonly bigint[];
}

/** "write to CR0 from RAX", "IN AL, port 0x60, 1 byte", "write to GPA 0x7000: not permitted (the EPT entries allow R-X)". */
export function describeExit(details: ExitDetails): string {
  const reason = exitReasonByNumber(details.reason);
  if (reason === undefined) return `unknown exit reason ${details.reason & 0xffff}`;
  const sentence = sentenceOf(reason, details);
  const vectoring = decodeInterruptionInformation(
    details.idtVectoringInformation ?? 0,
    "idt-vectoring",
  );
  return vectoring.valid ? `${sentence}, during delivery of ${vectoring.text}` : sentence;
}

function sentenceOf(reason: ExitReason, details: ExitDetails): string {
  const { qualification, interruptionInformation = 0 } = details;
  const decoded = decodeExitQualification(reason.number, qualification, interruptionInformation);
  switch (reason.qualification) {
    case "exception":
      return exceptionSentence(details, decoded.text);
    case "ept-violation":
      return eptViolationSentence(details, decoded.text);
    case "cr-access":
    case "mov-dr":
    case "io":
      return decoded.text;
    case "task-switch":
    case "entry-failure":
    case "msr-list-entry":
    case "monitor-armed":
      return `${reason.title}: ${decoded.text}`;
    case "linear-address":
      return `${reason.title} of ${decoded.text}`;
    case "displacement":
      return operandSentence(reason, details);
    case "sipi-vector":
    case "vector":
    case "apic-access":
    case "apic-offset":
      return `${reason.title} ${decoded.text}`;
    case "pml-full":
    case "none":
      return plainSentence(reason, details);
  }
}

function exceptionSentence(details: ExitDetails, qualification: string): string {
  const { interruptionInformation = 0, interruptionErrorCode = 0 } = details;
  const event = decodeInterruptionInformation(interruptionInformation, "exit");
  if (event.type === EVENT_TYPES.nmi) return "NMI";
  const name = `exception ${vectorName(event.vector)}`;
  if (event.vector === 14) {
    return `${name} at ${qualification.replace("address ", "")}: ${decodeErrorCode(14, interruptionErrorCode).text}`;
  }
  const code = event.hasErrorCode
    ? ` with error code 0x${interruptionErrorCode.toString(16)}: ${decodeErrorCode(event.vector, interruptionErrorCode).text}`
    : "";
  return `${name}${qualification === "" ? "" : ` (${qualification})`}${code}`;
}

function eptViolationSentence(details: ExitDetails, text: string): string {
  const { guestPhysicalAddress, guestLinearAddress, qualification } = details;
  const [access = "", verdict = ""] = text.split(": ");
  const preposition = access.startsWith("write") ? "to" : "of";
  const gpa =
    guestPhysicalAddress === undefined ? "" : ` ${preposition} GPA ${hex64(guestPhysicalAddress)}`;
  const linear =
    qualification & 0x80n && guestLinearAddress !== undefined
      ? ` (GVA ${hex64(guestLinearAddress)})`
      : "";
  return `${access}${gpa}${linear}: ${verdict}`;
}

function operandSentence(reason: ExitReason, details: ExitDetails): string {
  const { instructionInformation, qualification, registers } = details;
  if (instructionInformation === undefined) return reason.title;
  const decoded = decodeInstructionInformation(
    reason.instructionInformation,
    instructionInformation,
    qualification,
  );
  const mnemonic = decoded.mnemonic ?? reason.title;
  const sentence = `${mnemonic} ${orderedOperands(reason, decoded.text)}`;
  if (reason.instructionInformation !== "vmread-vmwrite") return sentence;
  const encoding = registers?.[instructionInformation >>> 28];
  return encoding === undefined ? sentence : `${sentence} (field ${vmcsFieldText(encoding)})`;
}

/** VMREAD writes its first operand, VMWRITE reads its second: the reported order is VMREAD's. */
function orderedOperands(reason: ExitReason, text: string): string {
  return reason.key === "VMWRITE" ? text.split(", ").toReversed().join(", ") : text;
}

function vmcsFieldText(encoding: bigint): string {
  const decoded = decodeFieldEncoding(Number(encoding));
  const field = decoded === undefined ? undefined : fieldByEncoding(decoded.full);
  return field?.name ?? hex64(encoding);
}

function plainSentence(reason: ExitReason, details: ExitDetails): string {
  const { registers, guestPhysicalAddress, interruptionInformation = 0 } = details;
  const [rax, rcx] = [registers?.[0], registers?.[1]];
  switch (reason.key) {
    case "CPUID":
      if (rax === undefined || rcx === undefined) return "CPUID";
      return `CPUID leaf ${hex32(rax)}, subleaf ${hex32(rcx)}`;
    case "RDMSR":
      return rcx === undefined ? "RDMSR" : `read of ${msrText(Number(rcx & 0xffffffffn))}`;
    case "WRMSR":
      return wrmsrSentence(registers);
    case "VMCALL":
      return rax === undefined ? "VMCALL" : `VMCALL with RAX = ${hex64(rax)}`;
    case "EXTERNAL_INTERRUPT":
      return externalInterruptSentence(interruptionInformation);
    case "EPT_MISCONFIGURATION":
      if (guestPhysicalAddress === undefined) return reason.title;
      return `EPT misconfiguration at GPA ${hex64(guestPhysicalAddress)}`;
    default:
      return details.reason & ENTRY_FAILURE_BIT
        ? `VM-entry failure: ${reason.title}`
        : reason.title;
  }
}

function wrmsrSentence(registers: readonly bigint[] | undefined): string {
  const [rax, rcx, rdx] = [registers?.[0], registers?.[1], registers?.[2]];
  if (rax === undefined || rcx === undefined || rdx === undefined) return "WRMSR";
  const value = ((rdx & 0xffffffffn) << 32n) | (rax & 0xffffffffn);
  return `write of ${hex64(value)} to ${msrText(Number(rcx & 0xffffffffn))}`;
}

function externalInterruptSentence(information: number): string {
  const event = decodeInterruptionInformation(information, "exit");
  return event.valid ? event.text : "external interrupt (not acknowledged)";
}

function hex32(value: bigint): string {
  return `0x${(value & 0xffffffffn).toString(16)}`;
}

function hex64(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16)}`;
}
