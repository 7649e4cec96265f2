/** All commands. */
import { bundleOf } from "./bundle";
import { runProgram } from "./program";

export const { main } = bundleOf(runProgram);
