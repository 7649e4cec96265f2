/** The language server's own process, and the function that `ringside lsp` calls. */
import path from "node:path";
import { createConnection, ProposedFeatures } from "vscode-languageserver/node";
import { serve } from "./server";

const TRANSPORT = /^--(stdio|node-ipc|socket|pipe)/;

/** Over the transport that the arguments name (--stdio, --node-ipc, --socket=N, --pipe=NAME), else over standard input and output. */
export function startLanguageServer(): void {
  const named = process.argv.some((argument) => TRANSPORT.test(argument));
  const connection = named
    ? createConnection(ProposedFeatures.all)
    : createConnection(ProposedFeatures.all, process.stdin, process.stdout);
  serve(connection);
  connection.listen();
}

/** This file is also a part of the command line's bundle: it starts by itself only when it is the program. */
function isProgram(): boolean {
  const program = process.argv[1];
  if (program === undefined) return false;
  const { base, dir } = path.parse(program);
  return (
    /^languageServer\.[cm]?js$/.test(base) ||
    (base === "main.ts" && path.basename(dir) === "languageServer")
  );
}

if (isProgram()) startLanguageServer();
