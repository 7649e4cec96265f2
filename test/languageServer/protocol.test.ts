/** The whole server over standard input and output, as an editor runs it. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import path from "node:path";
import {
  createMessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
  type CompletionItem,
  type Hover,
  type InitializeResult,
  type MarkupContent,
  type MessageConnection,
  type PublishDiagnosticsParams,
} from "vscode-languageserver-protocol/node";

const ROOT = path.resolve(import.meta.dirname, "../..");
const MAIN = path.join(ROOT, "src/languageServer/main.ts");
const URI = "untitled:guest.asm";

interface Session {
  readonly process: ChildProcess;
  readonly connection: MessageConnection;
  /** The next diagnostics for a version of the document. */
  readonly diagnosticsOf: (version: number) => Promise<PublishDiagnosticsParams>;
}

function start(): Session {
  const server = spawn(process.execPath, ["--import", "tsx", MAIN, "--stdio"], {
    cwd: ROOT,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const connection = createMessageConnection(
    new StreamMessageReader(server.stdout),
    new StreamMessageWriter(server.stdin),
  );
  const received: PublishDiagnosticsParams[] = [];
  const waiting: (() => void)[] = [];
  connection.onNotification(
    "textDocument/publishDiagnostics",
    (params: PublishDiagnosticsParams) => {
      received.push(params);
      waiting.splice(0).forEach((wake) => wake());
    },
  );
  const diagnosticsOf = async (version: number): Promise<PublishDiagnosticsParams> => {
    for (;;) {
      const found = received.find((each) => each.uri === URI && each.version === version);
      if (found !== undefined) return found;
      await new Promise<void>((wake) => waiting.push(wake));
    }
  };
  connection.listen();
  return { process: server, connection, diagnosticsOf };
}

describe("language server over stdio", function () {
  this.timeout(60_000);
  let session: Session;

  before(() => {
    session = start();
  });

  after(() => {
    session.connection.dispose();
    session.process.kill();
  });

  it("introduces itself", async () => {
    const params = {
      processId: process.pid,
      rootUri: null,
      capabilities: {},
      initializationOptions: { vmm: "trap-and-emulate" },
    };
    const { capabilities } = await session.connection.sendRequest<InitializeResult>(
      "initialize",
      params,
    );
    assert.equal(capabilities.hoverProvider, true);
    assert.ok(capabilities.semanticTokensProvider);
    await session.connection.sendNotification("initialized", {});
  });

  it("sends diagnostics for what is opened and changed", async () => {
    const { connection, diagnosticsOf } = session;
    const text = "bits 32\nstart:\n  popfd\n  foo bar\n";
    await connection.sendNotification("textDocument/didOpen", {
      textDocument: { uri: URI, languageId: "nasm", version: 1, text },
    });
    const codes = (params: PublishDiagnosticsParams): unknown[] =>
      params.diagnostics.map((each) => each.code);
    assert.deepEqual(codes(await diagnosticsOf(1)), ["VMM1", "unknown-instruction"]);
    await connection.sendNotification("textDocument/didChange", {
      textDocument: { uri: URI, version: 2 },
      contentChanges: [
        {
          range: { start: { line: 3, character: 2 }, end: { line: 3, character: 9 } },
          text: "mov eax, e",
        },
      ],
    });
    assert.deepEqual(codes(await diagnosticsOf(2)), ["VMM1", "undefined-symbol"]);
  });

  it("says what a command needs that comes without arguments", async () => {
    const { connection } = session;
    const run = (command: string, ...given: readonly unknown[]): Promise<unknown> =>
      connection.sendRequest("workspace/executeCommand", { command, arguments: given });
    const bare = connection.sendRequest("workspace/executeCommand", {
      command: "ringside.server.listing",
    });
    await assert.rejects(bare, /ringside\.server\.listing needs the argument \{ textDocument \}/);
    const textDocument = { uri: URI };
    for (const given of [null, 1, {}, { textDocument }, { textDocument, position: {} }])
      await assert.rejects(run("ringside.server.expandMacro", given), /textDocument, position/);
    assert.equal(await run("ringside.server.unknown"), null);
  });

  it("answers hover, completion and symbols", async () => {
    const { connection } = session;
    const at = (line: number, character: number): object => ({
      textDocument: { uri: URI },
      position: { line, character },
    });
    const hover = await connection.sendRequest<Hover>("textDocument/hover", at(2, 4));
    assert.match((hover.contents as MarkupContent).value, /\*\*POPFD\*\*[^]*✗ trap-and-emulate/);
    const items = await connection.sendRequest<CompletionItem[]>(
      "textDocument/completion",
      at(3, 12),
    );
    const chosen = items.find((each) => each.label === "eax");
    assert.ok(chosen);
    const resolved = await connection.sendRequest<CompletionItem>("completionItem/resolve", chosen);
    assert.match((resolved.documentation as MarkupContent).value, /low 32 bits of rax/);
    const symbols = await connection.sendRequest<{ name: string }[]>(
      "textDocument/documentSymbol",
      {
        textDocument: { uri: URI },
      },
    );
    assert.deepEqual(
      symbols.map((each) => each.name),
      ["start"],
    );
  });

  it("refuses a rename with a reason", async () => {
    const params = {
      textDocument: { uri: URI },
      position: { line: 1, character: 1 },
      newName: "eax",
    };
    await assert.rejects(
      session.connection.sendRequest("textDocument/rename", params),
      /word of the assembler/,
    );
  });

  it("takes its diagnostics back when a document is closed", async () => {
    const { connection } = session;
    const empty = new Promise<PublishDiagnosticsParams>((resolve) => {
      connection.onNotification("textDocument/publishDiagnostics", resolve);
    });
    await connection.sendNotification("textDocument/didClose", { textDocument: { uri: URI } });
    assert.deepEqual((await empty).diagnostics, []);
  });

  it("shuts down", async () => {
    const { connection } = session;
    const exited = new Promise<number | null>((resolve) => session.process.on("exit", resolve));
    assert.equal(await connection.sendRequest("shutdown"), null);
    await connection.sendNotification("exit");
    assert.equal(await exited, 0);
  });
});
