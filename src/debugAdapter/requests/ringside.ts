/** The own requests that read the machine: one per view. */
import { hex } from "../../engine/index";
import type { ExitCount } from "../../engine/index";
import type { RequestArguments, RequestBody, RingsideRequest } from "../protocol";
import type { RingsideSession } from "../session/session";
import { RequestError } from "../session/requestError";
import { noVmcsText } from "../variables/hypervisor";
import { entrySpaceOf, targetSpaceOf } from "../translationText";
import type { HandlerTable } from "./handler";
import { history, writers } from "./history";
import { placeArgument } from "./placeArgument";
import { processorBody } from "./processor";
import { runTo } from "./runTo";
import { travel } from "./running";
import { timelineBody } from "./timeline";

type RingsideHandlers = {
  readonly [R in RingsideRequest]: (
    session: RingsideSession,
    args: RequestArguments<R>,
  ) => RequestBody<R> | Promise<RequestBody<R>>;
};

function translate(
  session: RingsideSession,
  args: RequestArguments<"ringside/translate">,
): RequestBody<"ringside/translate"> {
  const { target } = session;
  const { space, address } = placeArgument(session, args.address, args.space, args.frameId);
  const found = target.debuggee.translate(space, address);
  const { symbol } = space === "gva" ? target.place(address) : {};
  const optional = (name: string, value: bigint | undefined): object =>
    value === undefined ? {} : { [name]: hex(value) };
  return {
    generation: session.generation,
    space,
    address: hex(address),
    ...optional("gva", found.gva),
    ...optional("gpa", found.gpa),
    ...optional("hpa", found.hpa),
    ...(found.pageSize === undefined ? {} : { pageSize: found.pageSize }),
    ...(found.rights === undefined ? {} : { rights: found.rights }),
    ...(found.failure === undefined ? {} : { failure: found.failure }),
    ...(symbol === undefined ? {} : { symbol }),
    steps: found.steps.map((step) => ({
      stage: step.stage,
      level: step.level,
      entryAddress: hex(step.entryAddress),
      entrySpace: entrySpaceOf(step.stage),
      ...(step.entryHpa === undefined ? {} : { entryHpa: hex(step.entryHpa) }),
      value: hex(step.value),
      flags: step.flags,
      target: hex(step.target),
      ...(step.refused === undefined ? {} : { refused: step.refused }),
    })),
  };
}

function pageTables(
  session: RingsideSession,
  args: RequestArguments<"ringside/pageTables">,
): RequestBody<"ringside/pageTables"> {
  const { target } = session;
  const path = args.path ?? [];
  const { rows, note } = target.debuggee.pageTable({ which: args.which, path });
  const older = target.history.tableRead(
    `${args.which}/${path.join("/")}`,
    new Map(rows.map(({ index, value }) => [index, value])),
  );
  return {
    generation: session.generation,
    which: args.which,
    path,
    ...(note === undefined ? {} : { note }),
    rows: rows.map((row) => {
      const previous = older?.get(row.index);
      const changed = older !== undefined && previous !== row.value;
      return {
        level: row.level,
        index: row.index,
        from: hex(row.from),
        size: hex(row.size),
        entryAddress: hex(row.entryAddress),
        entrySpace: entrySpaceOf(args.which),
        value: hex(row.value),
        flags: row.flags,
        target: hex(row.target),
        targetSpace: targetSpaceOf(args.which),
        leaf: row.leaf,
        changed,
        ...(changed && previous !== undefined ? { previous: hex(previous) } : {}),
      };
    }),
  };
}

function vmcs(session: RingsideSession): RequestBody<"ringside/vmcs"> {
  const { debuggee, history: stops } = session.target;
  const { generation } = session;
  const view = debuggee.vmcs();
  if (!view) return { generation, fields: [], note: noVmcsText(debuggee.config.vmm) };
  return {
    generation,
    address: hex(view.address),
    launchState: view.launchState,
    fields: view.fields.map(({ value, ...field }) => {
      const previous = stops.previous?.vmcs.get(field.name);
      const changed = previous !== undefined && previous !== value;
      return {
        ...field,
        value: hex(value),
        changed,
        ...(changed ? { previous: hex(previous) } : {}),
      };
    }),
  };
}

function exits(session: RingsideSession): RequestBody<"ringside/exits"> {
  const { debuggee, history: stops } = session.target;
  const rows = debuggee.exits();
  const sum = (of: (row: ExitCount) => number): number => rows.reduce((total, row) => total + of(row), 0); // prettier-ignore
  return {
    generation: session.generation,
    totalCount: sum(({ count }) => count),
    totalCycles: sum(({ cycles }) => cycles),
    exits: rows.map((row) => {
      const condition = session.events.conditionOf(row.key);
      return {
        ...row,
        mode: session.events.modeOf(row.key),
        ...(condition === undefined ? {} : { condition }),
        changed: row.count !== (stops.previous?.exits.get(row.key) ?? 0),
      };
    }),
  };
}

function setExitBreakpoints(
  session: RingsideSession,
  args: RequestArguments<"ringside/setExitBreakpoints">,
): RequestBody<"ringside/setExitBreakpoints"> {
  const messages = session.events.setExits(args.breakpoints);
  return {
    breakpoints: messages.map((message) =>
      message === undefined ? { verified: true } : { verified: false, message },
    ),
  };
}

function entryChecks(session: RingsideSession): RequestBody<"ringside/entryChecks"> {
  const { debuggee } = session.target;
  const { generation } = session;
  if (!debuggee.vmcs()) return { generation, violations: [], note: noVmcsText(debuggee.config.vmm) }; // prettier-ignore
  return {
    generation,
    violations: debuggee.entryViolations().map((violation) => ({
      ...violation,
      fields: violation.fields.map(({ name, value }) => ({ name, value: hex(value) })),
    })),
  };
}

function vmm(session: RingsideSession): RequestBody<"ringside/vmm"> {
  const { debuggee, vmmSources } = session.target;
  const activity = debuggee.vmm();
  return {
    generation: session.generation,
    vmm: debuggee.config.vmm,
    handlers: debuggee.vmmHandlers().map(({ handler, title, steps }) => {
      const source = vmmSources.byHandler(handler);
      return {
        handler,
        title,
        source: {
          name: source?.name ?? handler,
          line: source?.firstLine ?? 0,
          ...(source ? { sourceReference: source.reference } : {}),
        },
        steps,
      };
    }),
    ...(activity
      ? {
          activity: {
            handler: activity.handler,
            step: activity.step,
            text: activity.steps[activity.step]?.text ?? "",
          },
        }
      : {}),
  };
}

function screen(session: RingsideSession): RequestBody<"ringside/screen"> {
  const { debuggee } = session.target;
  return {
    generation: session.generation,
    screen: debuggee.screenText(),
    serial: debuggee.serialText(),
  };
}

function input(session: RingsideSession, args: RequestArguments<"ringside/input">): object {
  const { debuggee } = session.target;
  if (args.serial !== undefined) debuggee.sendSerial(new TextEncoder().encode(args.serial));
  if (args.keys !== undefined) debuggee.sendKeys(args.keys);
  return {};
}

function travelTo(session: RingsideSession, args: RequestArguments<"ringside/travelTo">): object {
  travel(session, args.position);
  return {};
}

function state(session: RingsideSession): RequestBody<"ringside/state"> {
  if (!session.hasTarget) throw new RequestError("Nothing is launched yet.");
  return session.state();
}

const handlers: RingsideHandlers = {
  "ringside/state": state,
  "ringside/processor": (session) => processorBody(session),
  "ringside/translate": translate,
  "ringside/pageTables": pageTables,
  "ringside/vmcs": vmcs,
  "ringside/exits": exits,
  "ringside/setExitBreakpoints": setExitBreakpoints,
  "ringside/entryChecks": entryChecks,
  "ringside/timeline": timelineBody,
  "ringside/runTo": runTo,
  "ringside/travelTo": travelTo,
  "ringside/writers": writers,
  "ringside/history": history,
  "ringside/vmm": vmm,
  "ringside/screen": screen,
  "ringside/input": input,
};

export const ringsideHandlers = handlers as unknown as HandlerTable;
