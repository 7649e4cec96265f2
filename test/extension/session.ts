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

    it("needs no launch.json: stops before the first instruction of the open file", async () => {
      const running = await start("tour.asm", { stopOnEntry: true });
      assert.equal((await running.nextStop()).reason, "entry");
      assert.deepEqual(await running.top().then(({ line, file }) => ({ line, file })), {
        line: 5,
        file: "tour.asm",
      });
    });

    it("hits a breakpoint on a source line", async () => {
      vscode.debug.addBreakpoints([breakpointAt("tour.asm", LINE)]);
      const running = await start("tour.asm");
      assert.equal((await running.nextStop()).reason, "breakpoint");
      assert.equal((await running.top()).line, LINE);
    });

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
      await vscode.commands.executeCommand("ringside.runToVmExit");
      await running.nextStop();
      assert.equal(reader.state?.stop?.exitKey, "CPUID");
      const first = reader.state.position;
      await vscode.commands.executeCommand("ringside.runToVmExit");
      await running.nextStop();
      assert.equal(reader.state.stop?.exitKey, "IO_INSTRUCTION");
      await vscode.commands.executeCommand("ringside.runBackToVmExit");
      await running.nextStop();
      assert.equal(reader.state.position, first);
    });

    it("steps forward and back", async () => {
      const running = await start("tour.asm", { stopOnEntry: true });
      await running.nextStop();
      await vscode.commands.executeCommand("workbench.action.debug.stepInto");
      await running.nextStop();
      assert.equal((await running.top()).line, LINE);
      await vscode.commands.executeCommand("workbench.action.debug.stepBack");
      await running.nextStop();
      assert.equal((await running.top()).line, LINE - 1);
    });

    it("runs to the end without a breakpoint", async () => {
      const running = await start("tour.asm");
      await running.end();
    });

    it("says what is wrong with a guest that cannot be assembled", async () => {
      // A failed launch is a dialog, which VS Code refuses to open in tests: its text becomes the error.
      await assert.rejects(start("broken.asm"), /undefined_name|frobnicate|broken[.]asm/);
    });
  });
}
