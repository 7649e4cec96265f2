/** The bundled server as Neovim and Helix run it: what they send at the start, every feature that they ask for, and nothing written or started. */
import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import {
  createMessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
  type Diagnostic,
  type DocumentDiagnosticReport,
  type InitializeResult,
  type MessageConnection,
  type PublishDiagnosticsParams,
} from "vscode-languageserver-protocol/node";

const ROOT = path.resolve(import.meta.dirname, "../..");
const GUARD = pathToFileURL(path.join(import.meta.dirname, "guard.mjs")).href;

const SOURCE = [
  "bits 32",
  '%include "lib/part.inc"',
  "%macro twice 1",
  "  call %1",
  "  call %1",
  "%endmacro",
  "start: mov eax, LIMIT",
  "  popfd",
  "  twice work",
  "  jmp start",
  "work: ret",
  "  mov eax, missing",
  "",
].join("\n");

interface Editor {
  readonly name: string;
  readonly pulls: boolean;
  /** What its client sends as `initialize`, as far as a server may look at it. */
  readonly initialize: (uri: string) => object;
}

const NEOVIM: Editor = {
  name: "Neovim 0.11",
  pulls: true,
  initialize: (uri) => ({
    processId: process.pid,
    clientInfo: { name: "Neovim", version: "0.11.0" },
    rootPath: new URL(uri).pathname,
    rootUri: uri,
    workspaceFolders: [{ uri, name: "project" }],
    workDoneToken: "1",
    trace: "off",
    capabilities: {
      general: { positionEncodings: ["utf-8", "utf-16", "utf-32"] },
      textDocument: {
        synchronization: { dynamicRegistration: false, willSave: true, didSave: true },
        diagnostic: { dynamicRegistration: false },
        publishDiagnostics: { relatedInformation: true, dataSupport: true },
        inlayHint: { dynamicRegistration: true, resolveSupport: { properties: ["tooltip"] } },
        semanticTokens: {
          dynamicRegistration: false,
          tokenTypes: ["namespace", "type", "enumMember", "function", "macro", "keyword"],
          tokenModifiers: ["declaration", "definition"],
          formats: ["relative"],
          requests: { range: false, full: { delta: true } },
        },
        completion: { completionItem: { snippetSupport: true, documentationFormat: ["markdown"] } },
        rename: { dynamicRegistration: true, prepareSupport: true },
        callHierarchy: { dynamicRegistration: false },
      },
      workspace: {
        configuration: true,
        workspaceFolders: true,
        applyEdit: true,
        didChangeConfiguration: { dynamicRegistration: false },
        didChangeWatchedFiles: { dynamicRegistration: false, relativePatternSupport: true },
        semanticTokens: { refreshSupport: true },
        inlayHint: { refreshSupport: true },
      },
      window: { workDoneProgress: true, showMessage: {}, showDocument: { support: true } },
    },
  }),
};

const HELIX: Editor = {
  name: "Helix",
  pulls: false,
  initialize: (uri) => ({
    processId: process.pid,
    clientInfo: { name: "helix", version: "25.01" },
    rootPath: new URL(uri).pathname,
    rootUri: uri,
    workspaceFolders: [{ uri, name: "project" }],
    initializationOptions: { ringside: { vmm: "trap-and-emulate" } },
    capabilities: {
      general: { positionEncodings: ["utf-8", "utf-32", "utf-16"] },
      textDocument: {
        completion: {
          completionItem: {
            snippetSupport: true,
            resolveSupport: { properties: ["documentation", "detail"] },
            insertReplaceSupport: true,
          },
        },
        hover: { contentFormat: ["markdown"] },
        rename: { dynamicRegistration: false, prepareSupport: true },
        codeAction: { dataSupport: true, isPreferredSupport: true },
        publishDiagnostics: { versionSupport: true, tagSupport: { valueSet: [1, 2] } },
        inlayHint: { dynamicRegistration: false },
      },
      workspace: {
        applyEdit: true,
        symbol: { dynamicRegistration: false },
        executeCommand: { dynamicRegistration: false },
        workspaceFolders: true,
        configuration: true,
        didChangeConfiguration: { dynamicRegistration: false },
        didChangeWatchedFiles: { dynamicRegistration: true, relativePatternSupport: false },
        inlayHint: { refreshSupport: false },
      },
      window: { workDoneProgress: true },
    },
  }),
};

interface Session {
  readonly process: ChildProcess;
  readonly connection: MessageConnection;
  readonly stderr: () => string;
  readonly published: (uri: string) => Promise<readonly Diagnostic[]>;
}

function start(bundle: string): Session {
  const server = spawn(process.execPath, ["--import", GUARD, bundle, "--stdio"], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  let errors = "";
  server.stderr.on("data", (text: Buffer) => {
    errors += text.toString();
  });
  const connection = createMessageConnection(
    new StreamMessageReader(server.stdout),
    new StreamMessageWriter(server.stdin),
  );
  const received = new Map<string, readonly Diagnostic[]>();
  const waiting: (() => void)[] = [];
  connection.onNotification(
    "textDocument/publishDiagnostics",
    ({ uri, diagnostics }: PublishDiagnosticsParams) => {
      received.set(uri, diagnostics);
      waiting.splice(0).forEach((wake) => wake());
    },
  );
  // Both editors answer with null for a section that has no settings.
  connection.onRequest("workspace/configuration", ({ items }: { items: unknown[] }) =>
    items.map(() => null),
  );
  connection.onRequest("client/registerCapability", () => null);
  connection.onRequest("workspace/inlayHint/refresh", () => null);
  connection.onRequest("workspace/semanticTokens/refresh", () => null);
  connection.listen();
  const published = async (uri: string): Promise<readonly Diagnostic[]> => {
    for (;;) {
      const found = received.get(uri);
      if (found !== undefined) return found;
      await new Promise<void>((wake) => waiting.push(wake));
    }
  };
  return { process: server, connection, stderr: () => errors, published };
}

function snapshot(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => `${name} ${statSync(path.join(folder, name)).mtimeMs}`)
    .sort();
}

/** Requests about a place, and about the whole file. */
const AT_PLACE = [
  "hover",
  "definition",
  "declaration",
  "documentHighlight",
  "completion",
  "signatureHelp",
  "prepareRename",
  "prepareCallHierarchy",
];
const ABOUT_FILE = [
  "documentSymbol",
  "foldingRange",
  "documentLink",
  "codeLens",
  "semanticTokens/full",
];

async function askEverything({ connection }: Session, uri: string): Promise<void> {
  const textDocument = { uri };
  const position = { line: 6, character: 2 };
  const range = { start: { line: 0, character: 0 }, end: { line: 12, character: 0 } };
  const ask = (method: string, params: object = {}): Promise<unknown> =>
    connection.sendRequest(`textDocument/${method}`, { textDocument, ...params });
  for (const method of AT_PLACE) {
    const answer = await ask(method, { position });
    if (method !== "signatureHelp") assert.ok(answer, method);
  }
  for (const method of ABOUT_FILE) assert.ok(await ask(method), method);
  const options = { tabSize: 4, insertSpaces: true };
  assert.ok(await ask("formatting", { options }));
  assert.ok(await ask("rangeFormatting", { options, range }));
  assert.ok(await ask("inlayHint", { range }));
  assert.ok(await ask("codeAction", { range, context: { diagnostics: [] } }));
  assert.ok(await ask("selectionRange", { positions: [position] }));
  assert.ok(await ask("references", { position, context: { includeDeclaration: true } }));
  assert.ok(await ask("rename", { position, newName: "begin" }));
  assert.ok(await connection.sendRequest("workspace/symbol", { query: "work" }));
  const listing = await connection.sendRequest<{ text: string }>("workspace/executeCommand", {
    command: "ringside.server.listing",
    arguments: [{ textDocument }],
  });
  assert.match(listing.text, /start: mov eax, LIMIT/);
  const expansion = await connection.sendRequest<{ text: string }>("workspace/executeCommand", {
    command: "ringside.server.expandMacro",
    arguments: [{ textDocument, position: { line: 8, character: 4 } }],
  });
  assert.match(expansion.text, /call work\n *call work/);
}

describe("other editors", function () {
  this.timeout(120_000);
  let scratch: string;
  let bundle: string;

  before(async () => {
    scratch = mkdtempSync(path.join(os.tmpdir(), "ringside-editors-"));
    bundle = path.join(scratch, "server", "languageServer.js");
    await build({
      absWorkingDir: ROOT,
      entryPoints: ["src/languageServer/main.ts"],
      outfile: bundle,
      bundle: true,
      platform: "node",
      format: "cjs",
      mainFields: ["module", "main"],
      logLevel: "warning",
    });
  });

  after(() => {
    rmSync(scratch, { recursive: true, force: true });
  });

  function project(name: string): string {
    const folder = path.join(scratch, name);
    mkdirSync(path.join(folder, "lib"), { recursive: true });
    writeFileSync(path.join(folder, "main.asm"), SOURCE);
    writeFileSync(path.join(folder, "lib", "part.inc"), "LIMIT equ 4\n");
    return folder;
  }

  for (const editor of [NEOVIM, HELIX]) {
    it(`${editor.name}: every feature answers; no file is written, no process started`, async () => {
      const folder = project(editor.name);
      const uri = pathToFileURL(path.join(folder, "main.asm")).href;
      const before = snapshot(folder);
      const session = start(bundle);
      const { connection } = session;
      const { capabilities } = await connection.sendRequest<InitializeResult>(
        "initialize",
        editor.initialize(pathToFileURL(folder).href),
      );
      assert.equal(capabilities.diagnosticProvider !== undefined, editor.pulls);
      await connection.sendNotification("initialized", {});
      await connection.sendNotification("workspace/didChangeConfiguration", {
        settings: { ringside: { vmm: "trap-and-emulate" } },
      });
      const textDocument = { uri, languageId: "nasm", version: 0, text: SOURCE };
      await connection.sendNotification("textDocument/didOpen", { textDocument });
      const diagnostics = editor.pulls
        ? await connection
            .sendRequest<DocumentDiagnosticReport>("textDocument/diagnostic", {
              textDocument: { uri },
            })
            .then((report) => (report.kind === "full" ? report.items : []))
        : await session.published(uri);
      assert.ok(diagnostics.some(({ code }) => code === "undefined-symbol"));
      await askEverything(session, uri);
      assert.equal(await connection.sendRequest("shutdown"), null);
      const exited = new Promise((resolve) => session.process.on("exit", resolve));
      await connection.sendNotification("exit");
      assert.equal(await exited, 0, session.stderr());
      assert.equal(session.stderr(), "");
      assert.deepEqual(snapshot(folder), before);
    });
  }

  it("a workspace of two folders: include paths lead into both, until one is closed", async () => {
    const [one, two] = [project("one"), project("two")];
    const uri = pathToFileURL(path.join(one, "second.asm")).href;
    writeFileSync(path.join(two, "lib", "far.inc"), "FAR_AWAY equ 1\n");
    const session = start(bundle);
    const { connection } = session;
    const folders = [one, two].map((folder) => ({
      uri: pathToFileURL(folder).href,
      name: path.basename(folder),
    }));
    await connection.sendRequest("initialize", {
      processId: process.pid,
      rootUri: null,
      workspaceFolders: folders,
      initializationOptions: { includePaths: ["lib"] },
      capabilities: { workspace: { workspaceFolders: true, configuration: true } },
    });
    await connection.sendNotification("initialized", {});
    const text = '%include "far.inc"\n';
    await connection.sendNotification("textDocument/didOpen", {
      textDocument: { uri, languageId: "nasm", version: 1, text },
    });
    assert.deepEqual(await session.published(uri), []);
    const next = new Promise<PublishDiagnosticsParams>((resolve) => {
      connection.onNotification("textDocument/publishDiagnostics", resolve);
    });
    await connection.sendNotification("workspace/didChangeWorkspaceFolders", {
      event: { added: [], removed: [folders[1]] },
    });
    const [problem] = (await next).diagnostics;
    assert.equal(problem?.code, "file-not-found");
    connection.dispose();
    session.process.kill();
  });

  it("the guard of these tests notices a write and a process", () => {
    const file = JSON.stringify(path.join(scratch, "x"));
    for (const code of [
      `require("node:fs").writeFileSync(${file}, "")`,
      `require("node:fs").promises.open(${file}, "w")`,
      `require("node:fs/promises").open(${file}, "a")`,
      `import("node:fs/promises").then(({ open }) => open(${file}, "w"))`,
      `require("node:child_process").spawn("true")`,
    ]) {
      const run = spawnSync(process.execPath, ["--import", GUARD, "--eval", code]);
      assert.equal(run.status, 99, run.stderr.toString());
    }
  });
});
