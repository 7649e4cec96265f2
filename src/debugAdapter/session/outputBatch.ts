/** Output to the debug console, one event per batch: guests print byte by byte, and log points may fire in every slice. */
import { OutputEvent } from "@vscode/debugadapter";
import type { DebugProtocol } from "@vscode/debugprotocol";

export interface LogLine {
  readonly text: string;
  readonly path?: string;
  readonly line?: number;
}

/** More lines than this in one batch are counted instead of shown: nobody can read them. */
const MAX_LINES = 200;

export class OutputBatch {
  private bytes: number[] = [];
  private lines: LogLine[] = [];
  private omitted = 0;
  private readonly decoder = new TextDecoder();

  constructor(private readonly send: (event: DebugProtocol.Event) => void) {}

  byte(value: number): void {
    this.bytes.push(value);
  }

  line(line: LogLine): void {
    if (this.lines.length < MAX_LINES) this.lines.push(line);
    else this.omitted++;
  }

  flush(): void {
    if (this.bytes.length > 0) {
      const text = this.decoder.decode(Uint8Array.from(this.bytes), { stream: true });
      this.bytes = [];
      if (text !== "") this.send(new OutputEvent(text, "stdout"));
    }
    for (const line of this.lines) this.send(logEvent(line));
    if (this.omitted > 0) {
      this.send(new OutputEvent(`… and ${this.omitted} more lines\n`, "console"));
    }
    this.lines = [];
    this.omitted = 0;
  }
}

/** An output event with a link to the line. */
export function logEvent(line: LogLine, category = "console"): DebugProtocol.OutputEvent {
  const event: DebugProtocol.OutputEvent = new OutputEvent(`${line.text}\n`, category);
  if (line.path !== undefined) event.body.source = { path: line.path };
  if (line.line !== undefined) event.body.line = line.line;
  return event;
}
