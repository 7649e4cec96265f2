import assert from "node:assert/strict";
import type {
  ExitMode,
  PageTableRowBody,
  RequestBody,
  RingsideRequest,
  StateBody,
} from "../../src/debugAdapter/protocol";
import type { HistoryEntryBody } from "../../src/debugAdapter/protocol";
import { exitRows } from "../../src/extension/views/exitRows";
import {
  guestTableRows,
  hardwareTableRows,
  mergeRuns,
} from "../../src/extension/views/pageTableRows";
import { processorRows } from "../../src/extension/views/processorRows";
import type { Reader, Row } from "../../src/extension/views/row";
import { byteSize, facts } from "../../src/extension/views/row";
import { inlineTexts } from "../../src/extension/views/historyTexts";
import { timelineRows } from "../../src/extension/views/timelineRows";
import { translationRows } from "../../src/extension/views/translationRows";
import { vmcsRows } from "../../src/extension/views/vmcsRows";

type Answers = Readonly<Partial<Record<RingsideRequest, (args: object) => object>>>;

function reader(answers: Answers, state: Partial<StateBody> = {}): Reader {
  return {
    state: { mmu: "nested", ...state } as StateBody,
    read: <R extends RingsideRequest>(request: R, args: object) =>
      Promise.resolve(answers[request]?.(args) as RequestBody<R>),
  };
}

const NO_SESSION: Reader = {
  state: undefined,
  read: () => Promise.reject(new Error("no session")),
};

async function childrenOf(row: Row | undefined): Promise<readonly Row[]> {
  const { children = [] } = row ?? {};
  return typeof children === "function" ? children() : children;
}

/** A row as text: mark, label, description. */
function text(row: Row): string {
  return [row.mark, row.label, row.description].filter(Boolean).join(" | ");
}

describe("views without a session", () => {
  it("are empty, so that VS Code shows their welcome texts", async () => {
    for (const load of [processorRows, vmcsRows, guestTableRows, hardwareTableRows]) {
      assert.deepEqual(await load(NO_SESSION), { rows: [] });
    }
  });
});

describe("VCPU rows", () => {
  const same = { cpuChanged: false, changed: false, differs: false };
  const body = {
    vcpu: { mode: "protected32", cpl: 0, halted: false },
    cpu: { mode: "protected32", cpl: 1, halted: false },
    groups: [
      {
        title: "General",
        rows: [
          { ...same, name: "eax", vcpu: "0x1", cpu: "0x1" },
          { ...same, name: "ebx", vcpu: "0x2", cpu: "0x2", changed: true, previous: "0x3" },
          { ...same, name: "cs", vcpu: "0x8", cpu: "0x9", differs: true, vcpuDecoded: "ring 0" },
        ],
      },
    ],
  };

  it("mark what differs from the hardware and what changed", async () => {
    const { rows } = await processorRows(reader({ "ringside/processor": () => body }));
    assert.deepEqual(rows.map(text), [
      "differs | VCPU: 32-bit, ring 0 | CPU: 32-bit, ring 1",
      "General | 1 changed, 1 differ",
    ]);
    assert.deepEqual((await childrenOf(rows[1])).map(text), [
      "eax | 0x1",
      "changed | ebx | 0x2",
      "differs | cs | 0x8 ≠ 0x9 in hardware · ring 0",
    ]);
  });
});

describe("VMCS rows", () => {
  const field = {
    name: "GUEST_RIP",
    title: "Guest RIP",
    encoding: 0x681e,
    area: "guest",
    group: "Registers",
    value: "0x100000",
    width: 64,
    decoded: "start",
    changed: true,
    previous: "0x0",
  };
  const violation = {
    rule: "cr0.pe",
    sdm: "SDM",
    text: "CR0.PE must be 1",
    fields: [{ name: "GUEST_CR0", value: "0x0" }],
    hint: "set it",
  };

  it("put violated entry rules on top", async () => {
    const { rows } = await vmcsRows(
      reader({
        "ringside/vmcs": () => ({ address: "0x3000", launchState: "clear", fields: [field] }),
        "ringside/entryChecks": () => ({ violations: [violation] }),
      }),
    );
    assert.deepEqual(rows.map(text), [
      "violation | A VM entry would fail now | 1 rule violated",
      "VMCS at 0x3000 | clear",
      "Guest state | 1 changed",
    ]);
    assert.deepEqual((await childrenOf(rows[2])).map(text), [
      "changed | Guest RIP | 0x100000 · start",
    ]);
  });

  it("say why there is no VMCS", async () => {
    const answers = {
      "ringside/vmcs": () => ({ fields: [], note: "Bare metal." }),
      "ringside/entryChecks": () => ({ violations: [] }),
    };
    assert.deepEqual(await vmcsRows(reader(answers)), { rows: [], note: "Bare metal." });
  });
});

function entry(index: number, more: Partial<PageTableRowBody> = {}): PageTableRowBody {
  const address = `0x${(index * 0x1000).toString(16)}`;
  return {
    level: "PTE",
    index,
    from: address,
    size: "0x1000",
    entryAddress: "0x0",
    entrySpace: "gpa",
    value: "0x0",
    flags: ["P", "W"],
    target: address,
    targetSpace: "gpa",
    leaf: true,
    changed: false,
    ...more,
  };
}

describe("page-table rows", () => {
  const indexes = (rows: readonly PageTableRowBody[]): number[][] =>
    mergeRuns(rows).map((run) => run.map((row) => row.index));

  it("merge neighbours that map neighbouring frames with equal flags", () => {
    assert.deepEqual(indexes([entry(0), entry(1), entry(2)]), [[0, 1, 2]]);
  });

  it("do not merge over holes, other flags, other frames, or tables", () => {
    assert.deepEqual(indexes([entry(0), entry(2)]), [[0], [2]]);
    assert.deepEqual(indexes([entry(0), entry(1, { flags: ["P"] })]), [[0], [1]]);
    assert.deepEqual(indexes([entry(0), entry(1, { target: "0x9000" })]), [[0], [1]]);
    assert.deepEqual(indexes([entry(0, { leaf: false }), entry(1, { leaf: false })]), [[0], [1]]);
  });

  it("read a table only when it is unfolded", async () => {
    const asked: string[] = [];
    const table = (args: object): object => {
      asked.push(JSON.stringify(args));
      const { path } = args as { path: number[] };
      return {
        which: "guest",
        path,
        rows: path.length === 0 ? [entry(3, { leaf: false, level: "PDE" })] : [entry(0), entry(1)],
      };
    };
    const { rows } = await guestTableRows(reader({ "ringside/pageTables": table }));
    assert.deepEqual(asked, ['{"which":"guest","path":[]}']);
    assert.deepEqual((await childrenOf(rows[0])).map(text), [
      "0x0 – 0x1fff | → GPA 0x0 · P W · 2 × 4 KiB",
    ]);
    assert.equal(asked.length, 2);
  });

  it("show shadow tables when the memory is shadowed", async () => {
    const asked: object[] = [];
    const table = (args: object): object => {
      asked.push(args);
      return { which: "shadow", path: [], rows: [] };
    };
    await hardwareTableRows(reader({ "ringside/pageTables": table }, { mmu: "shadow-lazy" }));
    assert.deepEqual(asked, [{ which: "shadow", path: [] }]);
  });
});

describe("VM-exit rows", () => {
  const exit = { number: 10, cycles: 0, changed: false, mode: "ignore" };
  const body = {
    totalCount: 3,
    totalCycles: 6000,
    exits: [
      { ...exit, key: "CPUID", title: "CPUID", count: 3, changed: true },
      { ...exit, key: "HLT", title: "HLT", number: 12, count: 0 },
      { ...exit, key: "VMCALL", title: "VMCALL", number: 18, count: 0 },
    ],
  };
  const choices = (modes: Readonly<Record<string, ExitMode>>): Parameters<typeof exitRows>[1] => ({
    modeOf: (key) => modes[key] ?? "ignore",
    conditionOf: () => undefined,
    known: [
      { key: "CPUID", number: 10, title: "CPUID" },
      { key: "EPT_VIOLATION", number: 48, title: "EPT violation" },
      { key: "TRAP_GP", number: -1, title: "#GP of the guest" },
    ],
  });

  it("list what happened and what is ticked before the others", async () => {
    const { rows } = await exitRows(
      reader({ "ringside/exits": () => body }),
      choices({ HLT: "break" }),
    );
    assert.deepEqual(rows.map(text), [
      "Any VM exit | 3 so far · 6,000 cycles",
      "changed | CPUID | 3 ×",
      "HLT",
      "Other exits | 2 that did not happen",
    ]);
    assert.deepEqual(
      rows.map((row) => row.checked),
      [false, false, true, undefined],
    );
  });

  it("offer only what the technique in force can cause", async () => {
    const under = async (vmm: StateBody["vmm"]): Promise<string[]> => {
      const answers = { "ringside/exits": () => ({ ...body, exits: [] }) };
      const { rows } = await exitRows(reader(answers, { vmm }), choices({}));
      return (await childrenOf(rows[1])).map(text);
    };
    assert.deepEqual(await under("hardware-assisted"), ["CPUID", "EPT violation | EPT_VIOLATION"]);
    assert.deepEqual(await under("trap-and-emulate"), ["#GP of the guest | TRAP_GP"]);
  });

  it("can be ticked before the first session", async () => {
    const { rows } = await exitRows(NO_SESSION, choices({}));
    const exits = await childrenOf(rows[1]);
    assert.deepEqual(
      exits.map((row) => row.key),
      ["CPUID", "EPT_VIOLATION", "TRAP_GP"],
    );
  });
});

describe("translation rows", () => {
  const step = {
    stage: "guest",
    level: "PTE",
    entryAddress: "0x103000",
    entrySpace: "gpa",
    value: "0x5",
    flags: ["P", "U"],
    target: "0x0",
  };
  const answers = {
    "ringside/translate": (args: object) => {
      const { address } = args as { address: string };
      if (address === "nonsense") throw new Error("There is no symbol nonsense.");
      return address === "rip"
        ? { gva: "0x1", gpa: "0x2", hpa: "0x3", rights: "r-x s", pageSize: 4096, steps: [step] }
        : { gva: "0x9", failure: "not writable", steps: [{ ...step, refused: "W is 0" }] };
    },
  };

  it("show the way of each followed address, and the entry that refused", async () => {
    const { rows } = await translationRows(reader(answers), ["rip", "rsp"]);
    assert.deepEqual(rows.map(text), [
      "rip | GVA 0x1 → GPA 0x2 → HPA 0x3",
      "violation | rsp | GVA 0x9 → ✗",
    ]);
    assert.deepEqual((await childrenOf(rows[0])).map(text), [
      "PTE | 0x5 · P U → 0x0",
      "HPA 0x3 | r-x s · 4 KiB page",
    ]);
    assert.deepEqual((await childrenOf(rows[1])).map(text), [
      "violation | PTE | W is 0",
      "violation | not writable",
    ]);
  });

  it("say what is wrong with an expression, and still show the others", async () => {
    const throwing: Reader = {
      ...reader(answers),
      read: async (request, args) => reader(answers).read(request, args),
    };
    const { rows } = await translationRows(throwing, ["nonsense", "rip"]);
    assert.deepEqual(rows.map(text), [
      "nonsense | There is no symbol nonsense.",
      "rip | GVA 0x1 → GPA 0x2 → HPA 0x3",
    ]);
  });
});

describe("timeline rows", () => {
  it("have the newest first, and mark what is ahead of the present", async () => {
    const entry = (position: number, what: string): object => ({
      position,
      kind: "vm-exit",
      text: what,
    });
    const body = {
      position: 5,
      omitted: 2,
      entries: [entry(3, "a"), entry(3, "b"), entry(9, "c")],
    };
    const { rows } = await timelineRows(reader({ "ringside/timeline": () => body }));
    assert.deepEqual(rows.map(text), [
      "c | at 9 · ahead",
      "b | at 3",
      "a | at 3",
      "2 older events are left out",
    ]);
    const ids = rows.map((row) => row.id);
    assert.deepEqual(ids, [...new Set(ids)]);
  });
});

describe("inline history", () => {
  const step = (line: number, ...names: string[]): HistoryEntryBody => ({
    position: line,
    world: "guest",
    place: { address: "0x0", source: { path: "/a.asm", name: "a.asm", line } },
    changes: names.map((name) => ({ name, before: "0x0", after: "0x1" })),
  });

  it("shows what each line changed when it last ran", () => {
    const entries = [
      step(1, "rip", "eax"),
      step(2, "rip", "eflags"),
      step(1, "rip", "ebx", "eflags"),
    ];
    assert.deepEqual(inlineTexts(entries, "/a.asm"), [
      { line: 1, text: "ebx 0x0 → 0x1" },
      { line: 2, text: "eflags 0x0 → 0x1" },
    ]);
    assert.deepEqual(inlineTexts(entries, "/b.asm"), []);
  });
});

describe("row texts", () => {
  it("escape what the guest wrote", () => {
    assert.match(facts("x", [["a|b", "[run](command:evil)"]]), /a\\\|b \| \\\[run\\\]\\\(command/);
  });

  it("say sizes in the largest whole unit", () => {
    assert.deepEqual([12n, 4096n, 2n << 20n, 1n << 39n].map(byteSize), [
      "12 bytes",
      "4 KiB",
      "2 MiB",
      "512 GiB",
    ]);
  });
});
