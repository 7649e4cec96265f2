/** Makes the five views and keeps them fresh: one refresh a stop, and only what is visible is read. */
import * as vscode from "vscode";
import { VIEW } from "../contributions/views";
import type { SessionModel } from "../session";
import type { ExitBreakpoints } from "./exitBreakpoints";
import { exitRows } from "./exitRows";
import type { FollowedAddresses } from "./followedAddresses";
import { guestTableRows, hardwareTableRows } from "./pageTableRows";
import { processorRows } from "./processorRows";
import type { Row } from "./row";
import type { ViewTrees } from "./rowTree";
import { RowTree, registerRowColors } from "./rowTree";
import { timelineRows } from "./timelineRows";
import { translationRows } from "./translationRows";
import { vmcsRows } from "./vmcsRows";

/** A run that takes longer than this says so; shorter ones must not flicker. */
const RUNNING_NOTE_MS = 400;

export function makeTrees(
  model: SessionModel,
  exits: ExitBreakpoints,
  followed: FollowedAddresses,
): ViewTrees {
  return {
    vcpu: new RowTree(() => processorRows(model)),
    vmcs: new RowTree(() => vmcsRows(model)),
    guestTables: new RowTree(() => guestTableRows(model)),
    hardwareTables: new RowTree(() => hardwareTableRows(model)),
    exits: new RowTree(() => exitRows(model, exits)),
    translation: new RowTree(() => translationRows(model, followed.expressions)),
    timeline: new RowTree(() => timelineRows(model)),
  };
}

export function registerViews(
  model: SessionModel,
  exits: ExitBreakpoints,
  followed: FollowedAddresses,
  trees: ViewTrees,
): vscode.Disposable {
  const names = Object.keys(VIEW) as (keyof typeof VIEW)[];
  const views = names.map((name) => {
    const view = vscode.window.createTreeView<Row>(VIEW[name], {
      treeDataProvider: trees[name],
      manageCheckboxStateManually: true,
    });
    trees[name].view = view;
    return view;
  });
  const refreshAll = (): void => names.forEach((name) => trees[name].refresh());
  return vscode.Disposable.from(
    ...views,
    registerRowColors(),
    keepFresh(model, refreshAll, views),
    exits.onDidChange(() => trees.exits.refresh()),
    followed.onDidChange(() => trees.translation.refresh()),
    ...views.map((view) =>
      view.onDidChangeCheckboxState((event) => void exits.set(ticked(event.items))),
    ),
  );
}

const UNFOLDED_KEY = "ringside.unfolded";

/** VS Code folds contributed views in Run and Debug. The two most useful ones unfold once, at a user's very first stop. */
export function unfoldOnFirstStop(
  memento: vscode.Memento,
  model: SessionModel,
  trees: ViewTrees,
): vscode.Disposable {
  if (memento.get(UNFOLDED_KEY, false)) return new vscode.Disposable(() => undefined);
  const subscription = model.onDidChange(async (change) => {
    if (change?.change !== "stopped") return;
    subscription.dispose();
    await memento.update(UNFOLDED_KEY, true);
    for (const tree of [trees.vcpu, trees.exits]) {
      const [first] = await tree.getChildren();
      if (first) await tree.view?.reveal(first, { select: false, focus: false });
    }
  });
  return subscription;
}

function ticked(
  items: readonly (readonly [Row, vscode.TreeItemCheckboxState])[],
): (readonly [string, "break" | "ignore"])[] {
  return items.flatMap(([row, state]) =>
    row.key === undefined
      ? []
      : [[row.key, state === vscode.TreeItemCheckboxState.Checked ? "break" : "ignore"] as const],
  );
}

function keepFresh(
  model: SessionModel,
  refreshAll: () => void,
  views: readonly vscode.TreeView<Row>[],
): vscode.Disposable {
  let timer: NodeJS.Timeout | undefined;
  const subscription = model.onDidChange((change) => {
    clearTimeout(timer);
    if (change?.change !== "running") {
      refreshAll();
      return;
    }
    timer = setTimeout(() => {
      for (const view of views) view.message = "The machine is running.";
    }, RUNNING_NOTE_MS);
  });
  return vscode.Disposable.from(
    subscription,
    new vscode.Disposable(() => {
      clearTimeout(timer);
    }),
  );
}
