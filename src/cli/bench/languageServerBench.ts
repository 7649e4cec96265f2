/** From a keystroke to the diagnostics: the language server as a process of its own, as an editor has it. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  createMessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
  type MessageConnection,
} from "vscode-languageserver/node";
import { edited, editResults } from "./assemblerBench";
import { NODE_FLAGS } from "../../languageServer/protocol";
import type { Measurement } from "./measurement";
import { editProgram, PORTS_INCLUDE } from "./programs";

const LINES = 2_000;
const KEYSTROKES = 50;
const FIRST_KEYSTROKES = 15;

interface Published {
  readonly uri: string;
  readonly version?: number;
}

/** Resolves with the time when the diagnostics of each version arrive. */
class Answers {
  private waiting: { readonly version: number; readonly done: () => void } | undefined;

  constructor(connection: MessageConnection, uri: string) {
    connection.onNotification("textDocument/publishDiagnostics", (published: Published) => {
      if (published.uri !== uri || published.version !== this.waiting?.version) return;
      this.waiting?.done();
    });
  }

  to(version: number): Promise<void> {
    return new Promise((done) => (this.waiting = { version, done }));
  }
}

/** `program` is this command's own script. */
export async function measureKeystrokes(program: string): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), "ringside-bench-"));
  const file = join(folder, "main.asm");
  const text = editProgram(LINES);
  writeFileSync(file, text);
  writeFileSync(join(folder, PORTS_INCLUDE.name), PORTS_INCLUDE.text);
  const server = spawn(process.execPath, [...NODE_FLAGS, program, "lsp"], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const connection = createMessageConnection(
    new StreamMessageReader(server.stdout),
    new StreamMessageWriter(server.stdin),
  );
  connection.listen();
  try {
    const times = await type(connection, pathToFileURL(file).href, text);
    return editResults(`keystroke to diagnostics, ${LINES} lines`, times);
  } finally {
    connection.dispose();
    server.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function type(connection: MessageConnection, uri: string, text: string): Promise<number[]> {
  await connection.sendRequest("initialize", { processId: null, rootUri: null, capabilities: {} });
  await connection.sendNotification("initialized", {});
  const answers = new Answers(connection, uri);
  const opened = answers.to(1);
  await connection.sendNotification("textDocument/didOpen", {
    textDocument: { uri, languageId: "nasm", version: 1, text },
  });
  await opened;
  const lines = text.split("\n");
  const times: number[] = [];
  for (let key = 0; key < KEYSTROKES; key++) {
    const version = key + 2;
    const answered = answers.to(version);
    const change = { text: edited(lines, key) };
    const start = performance.now();
    await connection.sendNotification("textDocument/didChange", {
      textDocument: { uri, version },
      contentChanges: [change],
    });
    await answered;
    if (key >= FIRST_KEYSTROKES) times.push(performance.now() - start);
  }
  return times;
}
