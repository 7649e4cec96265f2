/** The command line. */
import type { Command, Streams } from "./command";
import { asmCommand } from "./commands/asm";
import { benchCommand } from "./commands/bench";
import { checkCommand } from "./commands/check";
import { compareCommand } from "./commands/compare";
import { disasmCommand } from "./commands/disasm";
import { reportCommand } from "./commands/report";
import { runCommand } from "./commands/run";
import { dapCommand, lspCommand } from "./commands/servers";
import { runCommands } from "./dispatch";

const COMMANDS: readonly Command[] = [
  runCommand,
  asmCommand,
  checkCommand,
  disasmCommand,
  compareCommand,
  reportCommand,
  benchCommand,
  dapCommand,
  lspCommand,
];

/** Returns the exit status; undefined: a server runs and ends the process by itself. */
export function runProgram(args: readonly string[], streams: Streams): Promise<number | undefined> {
  return runCommands(COMMANDS, args, streams);
}
