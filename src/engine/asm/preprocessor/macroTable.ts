/** Enters single-line macros and takes them out, with NASM's rules for what replaces and what shadows what. */
import type { SingleLineMacro, SlotSpec, Token } from "../tokens";
import type { Session } from "./session";
import { contextOf } from "./singleLine";

/** The list that macros of a name are kept in; made when missing. */
function listFor(
  name: Token,
  session: Session,
): { readonly list: SingleLineMacro[]; readonly name: string } | undefined {
  if (name.kind === "contextLocal") {
    const found = contextOf(name, session);
    if (found === undefined) return undefined;
    const key = found.name.toLowerCase();
    let list = found.context.macros.get(key);
    if (list === undefined) {
      list = [];
      found.context.macros.set(key, list);
    }
    return { list, name: found.name };
  }
  const folded = (name.word ?? session.words.word(name.text)).folded;
  folded.singleLine ??= [];
  return { list: folded.singleLine, name: name.text };
}

function same(a: SingleLineMacro, name: string, caseSensitive: boolean): boolean {
  return caseSensitive && a.caseSensitive
    ? a.name === name
    : a.name.toLowerCase() === name.toLowerCase() &&
        (!a.caseSensitive || a.name === name || !caseSensitive);
}

export interface NewMacro {
  readonly caseSensitive: boolean;
  readonly slots?: readonly SlotSpec[];
  readonly body: readonly Token[];
  readonly alias?: boolean;
  readonly compute?: SingleLineMacro["compute"];
  readonly recursive?: boolean;
}

/** Enters a macro, in the place of one that it replaces. Returns it, or undefined if the name is not usable. */
export function define(name: Token, made: NewMacro, session: Session): SingleLineMacro | undefined {
  const found = listFor(name, session);
  if (found === undefined) return undefined;
  const { list } = found;
  const slots = made.slots ?? [];
  const at = list.findIndex(
    (old) => same(old, found.name, made.caseSensitive) && callable(old, slots.length),
  );
  const old = list[at];
  if (old?.alias && !made.alias && !session.aliasesOff) {
    const target = old.body[0];
    if (target && target.text !== name.text) return define(target.at(name), made, session);
  }
  const macro = newMacro(found.name, made, slots, name);
  if (old === undefined || shadows(old, macro, name, session)) list.unshift(macro);
  else list[at] = macro;
  return macro;
}

function callable(old: SingleLineMacro, count: number): boolean {
  if (old.slots.length === 0 || count === 0) return true;
  return count >= old.leastArguments && (old.variadic || count <= old.slots.length);
}

/** Whether the old one stays below the new one; with NASM's warning. */
function shadows(
  old: SingleLineMacro,
  macro: SingleLineMacro,
  name: Token,
  session: Session,
): boolean {
  if (old.caseSensitive !== macro.caseSensitive) {
    const word = macro.caseSensitive ? "" : "in";
    const oldWord = old.caseSensitive ? "" : "in";
    const message = `case ${word}sensitive definition of macro \`${macro.name}' will shadow ${oldWord}sensitive macro \`${old.name}'`;
    session.warning(name, "pp-macro-def-case-single", message);
    return true;
  }
  if (old.slots.length > 0 !== macro.slots.length > 0) {
    const message = `macro \`${macro.name}' defined both with and without parameters`;
    session.warning(name, "pp-macro-def-param-single", message);
    return true;
  }
  if (old.slots.length < macro.slots.length) {
    const message = `defining macro \`${macro.name}' shadows previous greedy definition`;
    session.warning(name, "pp-macro-def-greedy-single", message);
    return true;
  }
  return false;
}

function newMacro(
  name: string,
  made: NewMacro,
  slots: readonly SlotSpec[],
  definition: Token,
): SingleLineMacro {
  const last = slots[slots.length - 1];
  let least = slots.length;
  while (least > 1 && slots[least - 1]!.optional) least--;
  return {
    name,
    caseSensitive: made.caseSensitive,
    slots,
    leastArguments: least,
    variadic: last !== undefined && (last.greedy || last.variadic),
    recursive: made.recursive ?? false,
    body: made.body,
    alias: made.alias ?? false,
    ...(made.compute ? { compute: made.compute } : {}),
    definition,
    inProgress: 0,
  };
}

export function undefine(name: Token, session: Session, aliasToo: boolean): void {
  const found = listFor(name, session);
  if (found === undefined) return;
  const { list } = found;
  for (let i = list.length - 1; i >= 0; i--) {
    const macro = list[i]!;
    if (
      macro.caseSensitive
        ? macro.name !== found.name
        : macro.name.toLowerCase() !== found.name.toLowerCase()
    ) {
      continue;
    }
    if (!macro.alias || aliasToo) list.splice(i, 1);
    else if (!session.aliasesOff && macro.body[0] && macro.body[0].text !== name.text) {
      undefine(macro.body[0], session, false);
    }
  }
}
