/** `ringside dap` and `ringside lsp`: the two servers over standard input and output. */
import { startDebugAdapter } from "../../debugAdapter/server";
import type { Command } from "../command";

export const dapCommand: Command = {
  name: "dap",
  usage: "ringside dap",
  summary: "Debug Adapter Protocol over standard input and output",
  options: [],
  run: () => {
    startDebugAdapter(process.stdin, process.stdout);
    return undefined;
  },
};

export const lspCommand: Command = {
  name: "lsp",
  usage: "ringside lsp",
  summary: "Language Server Protocol over standard input and output",
  options: [],
  run: async () => {
    const { startLanguageServer } = await import("../../languageServer/main");
    startLanguageServer();
    return undefined;
  },
};
