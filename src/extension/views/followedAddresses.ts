/** The addresses of the Translation view: kept in the workspace. */
import * as vscode from "vscode";

const KEY = "ringside.followedAddresses";
const AT_FIRST = ["rip", "rsp"];

export class FollowedAddresses {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changed.event;

  constructor(private readonly memento: vscode.Memento) {}

  get expressions(): readonly string[] {
    return this.memento.get<readonly string[]>(KEY, AT_FIRST);
  }

  async add(expression: string): Promise<void> {
    await this.set([...new Set([...this.expressions, expression])]);
  }

  async remove(expression: string): Promise<void> {
    await this.set(this.expressions.filter((one) => one !== expression));
  }

  private async set(expressions: readonly string[]): Promise<void> {
    await this.memento.update(KEY, expressions);
    this.changed.fire();
  }
}
