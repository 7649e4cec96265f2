/** The assembler alone: without the machine, so that it starts at once. */
import { bundleOf } from "./bundle";
import { asmCommand } from "./commands/asm";
import { runCommands } from "./dispatch";

export const { main } = bundleOf((args, streams) => runCommands([asmCommand], args, streams));
