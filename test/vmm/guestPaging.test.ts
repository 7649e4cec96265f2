import assert from "node:assert/strict";
import fc from "fast-check";
import { isCpuAbort } from "../../src/engine/cpu/abort";
import { ACCESS } from "../../src/engine/cpu/access";
import { CURRENT_MODEL } from "../../src/engine/cpu/cpuModel";
import { RAM_BASE } from "../../src/engine/cpu/layout";
import { canonicalLinear } from "../../src/engine/cpu/linear";
import { translate } from "../../src/engine/cpu/paging";
import { PhysicalMemory } from "../../src/engine/cpu/physicalMemory";
import { Processor } from "../../src/engine/cpu/processor";
import { CR0, CR4, EFER, RFLAGS } from "../../src/engine/cpu/systemState";
import { CHUNK_BYTES, GuestMemory } from "../../src/engine/vmm/guestMemory";
import { walkGuest, type GuestPagingState } from "../../src/engine/vmm/guestPaging";

const TABLE_PAGES = 8;
type Format = "32-bit" | "pae" | "4-level";

interface Trial {
  readonly format: Format;
  /** For each entry on the way: low 13 bits, whether NX, and which page it points to. */
  readonly entries: readonly (readonly [flags: number, noExecute: boolean, page: number])[];
  readonly address: bigint;
  readonly write: boolean;
  readonly fetch: boolean;
  readonly user: boolean;
  readonly switches: readonly boolean[];
}

const trial: fc.Arbitrary<Trial> = fc.record({
  format: fc.constantFrom<Format>("32-bit", "pae", "4-level"),
  entries: fc.array(
    fc.tuple(
      // Mostly present, writable, user; sometimes anything.
      fc.oneof(fc.constantFrom(7, 7, 7, 5, 3, 1, 0, 0x87, 0x67, 0xe7), fc.integer({ min: 0, max: 0x1fff })), // prettier-ignore
      fc.boolean(),
      fc.integer({ min: 0, max: TABLE_PAGES - 1 }),
    ),
    { minLength: 4, maxLength: 4 },
  ),
  address: fc.bigInt({ min: 0n, max: 0x7fffffffffffn }),
  write: fc.boolean(),
  fetch: fc.boolean(),
  user: fc.boolean(),
  switches: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
});

function stateOf({ format, switches }: Trial): GuestPagingState {
  const [writeProtect, noExecute, smep, smap, alignmentCheck, pse] = switches as [boolean, boolean, boolean, boolean, boolean, boolean]; // prettier-ignore
  const long = format === "4-level";
  return {
    cr0: (CR0.PE | CR0.PG | (writeProtect ? CR0.WP : 0)) >>> 0,
    cr3: 0x1000,
    cr4:
      (format === "32-bit" ? 0 : CR4.PAE) |
      (smep ? CR4.SMEP : 0) |
      (smap ? CR4.SMAP : 0) |
      (pse ? CR4.PSE : 0),
    efer: (noExecute ? EFER.NXE : 0) | (long ? EFER.LME | EFER.LMA : 0),
    pdptes: [0x2001n, 0x3001n, 0x4001n, 0n],
    alignmentCheck,
    physicalAddressBits: CURRENT_MODEL.physicalAddressBits,
  };
}

/** The same guest-physical memory for a bare processor and for the VMM. */
function makeWorld(): { cpu: Processor; guest: GuestMemory; host: PhysicalMemory } {
  const bare = new PhysicalMemory(new ArrayBuffer(RAM_BASE + CHUNK_BYTES), CHUNK_BYTES);
  const host = new PhysicalMemory(new ArrayBuffer(RAM_BASE + 2 * CHUNK_BYTES), 2 * CHUNK_BYTES);
  const guest = new GuestMemory(host, CHUNK_BYTES, CHUNK_BYTES);
  return { cpu: new Processor(new ArrayBuffer(RAM_BASE), bare, CURRENT_MODEL), guest, host };
}

type World = ReturnType<typeof makeWorld>;

/** Every entry of a table page is the same, so that any address meets it. */
function writeTables({ cpu, guest }: World, t: Trial): void {
  const write = (gpa: number, value: number): void => {
    cpu.ram.write32(gpa, value);
    guest.write32(gpa, value);
  };
  for (let page = 0; page < TABLE_PAGES; page++) {
    const [flags, noExecute, target] = t.entries[page] ?? [0, false, 0];
    const low = flags === 0 ? 0 : (0x1000 * (1 + target)) | flags;
    const wide = t.format !== "32-bit";
    for (let at = 0x1000 * (1 + page); at < 0x1000 * (2 + page); at += wide ? 8 : 4) {
      write(at, low);
      if (wide) write(at + 4, noExecute ? 0x80000000 : 0);
    }
  }
}

function onProcessor(cpu: Processor, state: GuestPagingState, t: Trial, linear: number): object {
  const { system } = cpu;
  system.cr0 = state.cr0;
  system.cr3 = state.cr3;
  system.cr4 = state.cr4;
  system.efer = state.efer;
  system.pdptes = [...state.pdptes] as [bigint, bigint, bigint, bigint];
  cpu.flagSystem = state.alignmentCheck ? RFLAGS.AC : 0;
  cpu.tlb.flushAll();
  const access =
    (t.fetch ? ACCESS.fetch : t.write ? ACCESS.write : ACCESS.read) | (t.user ? ACCESS.user : 0);
  try {
    const entry = translate(cpu, linear, access);
    const { writable, user, noExecute, dirty } = entry;
    return { gpa: entry.frame * 4096 + (linear % 4096), writable, user, noExecute, dirty };
  } catch (problem) {
    if (!isCpuAbort(problem) || problem.abort !== "fault") throw problem;
    return { errorCode: problem.errorCode! & ~16 };
  }
}

function inSoftware(
  guest: GuestMemory,
  state: GuestPagingState,
  t: Trial,
  address: bigint,
): object {
  const access = { write: t.write && !t.fetch, fetch: t.fetch, user: t.user, implicit: false };
  const walk = walkGuest(guest, state, address, access);
  // Whether a fetch is reported as one depends on EFER and CR4; the hardware's error code says it.
  if (walk.kind === "fault") return { errorCode: walk.errorCode & ~16 };
  const { gpa, writable, user, executable, dirty } = walk;
  return { gpa, writable, user, noExecute: !executable, dirty };
}

describe("the guest's page tables in software", () => {
  let world: World;

  before(() => {
    world = makeWorld();
  });

  it("translate, fault and set A and D exactly as the processor does", () => {
    fc.assert(
      fc.property(trial, (t) => {
        const address = t.format === "4-level" ? t.address : t.address & 0xffffffffn;
        const state = stateOf(t);
        const { cpu, guest, host } = world;
        writeTables(world, t);
        const linear = canonicalLinear(address)!;
        assert.deepEqual(inSoftware(guest, state, t, address), onProcessor(cpu, state, t, linear));
        const bytes = (TABLE_PAGES + 1) * 4096;
        assert.deepEqual(host.readBytes(CHUNK_BYTES, bytes), cpu.ram.readBytes(0, bytes));
      }),
      { numRuns: 2000, seed: 20061023 },
    );
  });

  it("are not used while CR0.PG is 0", () => {
    const t: Trial = { format: "32-bit", entries: [[0, false, 0], [0, false, 0], [0, false, 0], [0, false, 0]], address: 0n, write: true, fetch: false, user: true, switches: [false, false, false, false, false, false] }; // prettier-ignore
    const access = { write: true, fetch: false, user: true, implicit: false };
    const walk = walkGuest(world.guest, { ...stateOf(t), cr0: CR0.PE }, 0xb8123n, access);
    assert.deepEqual(walk.kind === "mapped" && [walk.gpa, walk.writable, walk.user], [0xb8123, true, true]); // prettier-ignore
  });
});
