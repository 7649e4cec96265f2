import assert from "node:assert/strict";
import * as vscode from "vscode";
import { TestSession, api, breakpointAt, stopAll } from "./support";

/** The `mov ebx, 0x11111111` of tour.asm. */
const LINE = 6;

export function defineSessionTests(): void {
  describe("session", () => {
    let session: TestSession | undefined;
    const start = async (guest: string, configuration?: object): Promise<TestSession> => {
      session = await TestSession.start(guest, configuration);
      return session;
    };
    beforeEach(api);
    afterEach(async () => {
      await stopAll();
      session?.dispose();
      session = undefined;
    });

    for (const vmm of ["none", "hardware-assisted"]) {
      it(`stops before the first instruction (${vmm})`, async () => {
        const running = await start("tour.asm", { stopOnEntry: true, vmm });
        assert.equal((await running.nextStop()).reason, "entry");
        const { line, file } = await running.top();
        // With a VMM, time begins a few steps before the guest: the VMM's launch of it.
        if (!file.endsWith(".vmm"))
          assert.deepEqual({ line, file }, { line: LINE - 1, file: "tour.asm" });
        else assert.equal(vmm, "hardware-assisted");
      });

      it(`hits a breakpoint on a source line (${vmm})`, async () => {
        vscode.debug.addBreakpoints([breakpointAt("tour.asm", LINE)]);
        const running = await start("tour.asm", { vmm });
        assert.equal((await running.nextStop()).reason, "breakpoint");
        assert.equal((await running.top()).line, LINE);
      });

      it(`steps forward and back (${vmm})`, async () => {
        vscode.debug.addBreakpoints([breakpointAt("tour.asm", LINE)]);
        const running = await start("tour.asm", { vmm });
        await running.nextStop();
        await running.command("workbench.action.debug.stepInto");
        assert.equal((await running.top()).line, LINE + 1);
        await running.command("workbench.action.debug.stepBack");
        assert.equal((await running.top()).line, LINE);
      });

      it(`runs to the end without a breakpoint (${vmm})`, async () => {
        const running = await start("tour.asm", { vmm });
        await running.end();
      });
    }

    it("hits a VM-exit breakpoint that was ticked before the start", async () => {
      await vscode.commands.executeCommand("ringside.breakOnExit", { key: "CPUID" });
      const running = await start("tour.asm");
      const stop = await running.nextStop();
      assert.match(`${stop.description ?? ""} ${stop.text ?? ""}`, /CPUID/);
      const { reader } = await api();
      assert.equal(reader.state?.stop?.exitKey, "CPUID");
    });

    it("takes VM-exit breakpoints from launch.json", async () => {
      const running = await start("tour.asm", { breakOnVmExit: ["IO_INSTRUCTION"] });
      await running.nextStop();
      const { reader } = await api();
      assert.equal(reader.state?.stop?.exitKey, "IO_INSTRUCTION");
    });

    it("runs to the next VM exit, and back to where it was", async () => {
      const running = await start("tour.asm", { stopOnEntry: true });
      await running.nextStop();
      const { reader } = await api();
      await running.command("ringside.runToVmExit");
      assert.equal(reader.state?.stop?.exitKey, "CPUID");
      const first = reader.state.position;
      await running.command("ringside.runToVmExit");
      assert.equal(reader.state.stop?.exitKey, "IO_INSTRUCTION");
      await running.command("ringside.runBackToVmExit");
      assert.equal(reader.state.position, first);
    });

    it("says what is wrong with a guest that cannot be assembled", async () => {
      // A failed launch is a dialog, which VS Code refuses to open in tests: its text becomes the error.
      await assert.rejects(start("broken.asm"), /undefined_name|frobnicate|broken[.]asm/);
    });
  });
}
