/** The files of the user: open buffers win over the disk. A stamp tells whether a file is still the one that was read. */

export interface DiskFile {
  readonly bytes: Uint8Array;
  readonly stamp: string;
}

/** The disk, so that tests can do without one. */
export interface Disk {
  /** Undefined where there is no such file. */
  stamp(path: string): string | undefined;
  read(path: string): Uint8Array | undefined;
}

interface OpenDocument {
  readonly uri: string;
  readonly version: number;
  readonly text: string;
}

export class Documents {
  private readonly open = new Map<string, OpenDocument>();
  private readonly fromDisk = new Map<string, DiskFile>();
  private readonly encoder = new TextEncoder();
  private readonly decoder = new TextDecoder();

  constructor(private readonly disk: Disk) {}

  setOpen(file: string, document: OpenDocument): void {
    this.open.set(file, document);
  }

  close(file: string): void {
    this.open.delete(file);
  }

  isOpen(file: string): boolean {
    return this.open.has(file);
  }

  get openFiles(): string[] {
    return [...this.open.keys()];
  }

  /** The URI that the editor uses for an open file: it may be spelled otherwise than ours. */
  uriOf(file: string): string | undefined {
    return this.open.get(file)?.uri;
  }

  versionOf(file: string): number | undefined {
    return this.open.get(file)?.version;
  }

  stamp(file: string): string | undefined {
    const document = this.open.get(file);
    return document === undefined ? this.disk.stamp(file) : `version ${document.version}`;
  }

  bytesOf(file: string): Uint8Array | undefined {
    const document = this.open.get(file);
    if (document !== undefined) return this.encoder.encode(document.text);
    const stamp = this.disk.stamp(file);
    if (stamp === undefined) {
      this.fromDisk.delete(file);
      return undefined;
    }
    const kept = this.fromDisk.get(file);
    if (kept?.stamp === stamp) return kept.bytes;
    const bytes = this.disk.read(file);
    if (bytes !== undefined) this.fromDisk.set(file, { bytes, stamp });
    return bytes;
  }

  textOf(file: string): string | undefined {
    const document = this.open.get(file);
    if (document !== undefined) return document.text;
    const bytes = this.bytesOf(file);
    return bytes === undefined ? undefined : this.decoder.decode(bytes);
  }
}
