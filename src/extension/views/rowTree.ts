/** Rows as a native tree view. */
import * as vscode from "vscode";
import { COMMAND } from "../contributions/commands";
import type { VIEW } from "../contributions/views";
import { COLOR } from "../contributions/views";
import type { Mark, Row, Rows } from "./row";

const MARKS: Readonly<
  Record<Mark, { readonly icon: string; readonly color: string; readonly says: string }>
> = {
  changed: { icon: "circle-filled", color: COLOR.changed, says: "changed" },
  differs: { icon: "git-compare", color: COLOR.differs, says: "differs from the hardware" },
  violation: { icon: "warning", color: COLOR.violation, says: "violated" },
};

const SCHEME = "ringside-row";

/** One view. Keeps no copy of what it shows. */
export class RowTree implements vscode.TreeDataProvider<Row> {
  private readonly changed = new vscode.EventEmitter<undefined>();
  readonly onDidChangeTreeData = this.changed.event;
  /** Set once the view exists; a provider can live without one (tests). */
  view: vscode.TreeView<Row> | undefined;

  constructor(private readonly load: () => Promise<Rows>) {}

  refresh(): void {
    this.changed.fire(undefined);
  }

  async getChildren(parent?: Row): Promise<Row[]> {
    if (parent !== undefined) {
      const { children = [] } = parent;
      return [...(typeof children === "function" ? await children().catch(failed) : children)];
    }
    const { rows, note } = await this.load().catch((error: unknown) => ({
      rows: [],
      note: message(error),
    }));
    if (this.view) setMessage(this.view, note);
    return [...rows];
  }

  /** Only for `reveal` of root rows: nothing else is ever revealed. */
  getParent(): undefined {
    return undefined;
  }

  getTreeItem(row: Row): vscode.TreeItem {
    const item = new vscode.TreeItem(row.label, foldState(row));
    item.id = row.id;
    item.contextValue = row.kind;
    if (row.description !== undefined) item.description = row.description;
    if (row.tooltip !== undefined) item.tooltip = new vscode.MarkdownString(row.tooltip);
    decorate(item, row);
    if (row.position !== undefined) {
      item.command = { command: COMMAND.travelToRow, title: "Go there", arguments: [row] };
    }
    if (row.checked !== undefined) item.checkboxState = checkbox(row);
    return item;
  }
}

function foldState(row: Row): vscode.TreeItemCollapsibleState {
  if (row.children === undefined) return vscode.TreeItemCollapsibleState.None;
  return row.expanded
    ? vscode.TreeItemCollapsibleState.Expanded
    : vscode.TreeItemCollapsibleState.Collapsed;
}

function decorate(item: vscode.TreeItem, row: Row): void {
  const mark = row.mark && MARKS[row.mark];
  const icon = row.icon ?? mark?.icon;
  // Rows without a mark get an empty icon, so that names stay in one column.
  if (icon !== undefined || row.kind === "register" || row.kind === "value") {
    item.iconPath = new vscode.ThemeIcon(
      icon ?? "blank",
      mark && new vscode.ThemeColor(mark.color),
    );
  }
  if (mark === undefined) return;
  item.resourceUri = vscode.Uri.from({ scheme: SCHEME, path: `/${row.mark ?? ""}` });
  item.accessibilityInformation = {
    label: [row.label, row.description, mark.says].filter(Boolean).join(", "),
  };
}

function checkbox(row: Row): NonNullable<vscode.TreeItem["checkboxState"]> {
  return {
    state: row.checked
      ? vscode.TreeItemCheckboxState.Checked
      : vscode.TreeItemCheckboxState.Unchecked,
    tooltip: row.checked ? "The machine stops here" : "Tick to stop here",
  };
}

function failed(error: unknown): readonly Row[] {
  return [{ id: `error ${Math.random()}`, kind: "note", label: message(error), icon: "error" }];
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function setMessage(view: vscode.TreeView<Row>, note: string | undefined): void {
  // The API wants undefined here to take a message away; its type says so only in newer versions.
  (view as { message: string | undefined }).message = note;
}

/** Colours the labels of marked rows. */
export function registerRowColors(): vscode.Disposable {
  return vscode.window.registerFileDecorationProvider({
    provideFileDecoration(uri) {
      if (uri.scheme !== SCHEME) return undefined;
      const mark = MARKS[uri.path.slice(1) as Mark] as (typeof MARKS)[Mark] | undefined;
      if (mark === undefined) return undefined;
      return new vscode.FileDecoration(undefined, undefined, new vscode.ThemeColor(mark.color));
    },
  });
}

export type ViewTrees = Readonly<Record<keyof typeof VIEW, RowTree>>;
