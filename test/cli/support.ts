/** Runs the command line in this process and keeps what it wrote. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProgram } from "../../src/cli/program";

export interface CliResult {
  readonly status: number | undefined;
  readonly out: string;
  readonly bytes: Uint8Array;
  readonly err: string;
}

export async function ringside(args: readonly string[], input = ""): Promise<CliResult> {
  const chunks: Uint8Array[] = [];
  let err = "";
  const status = await runProgram(args, {
    out: (content) => chunks.push(typeof content === "string" ? Buffer.from(content) : content),
    err: (text) => (err += text),
    input: () => input,
  });
  const bytes = Buffer.concat(chunks);
  return { status, out: bytes.toString("utf8"), bytes, err };
}

/** A folder for one test file; `remove` it afterwards. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), "ringside-cli-"));

  write(name: string, content: string | Uint8Array): string {
    const file = join(this.path, name);
    writeFileSync(file, content);
    return file;
  }

  file(name: string): string {
    return join(this.path, name);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
