import assert from "node:assert/strict";
import * as vscode from "vscode";
import type { RingsideApi } from "../../src/extension/extension";
import { TestSession, allRows, api, stopAll } from "./support";

export function defineViewTests(): void {
  describe("views", () => {
    let ringside: RingsideApi;
    let session: TestSession | undefined;

    before(async () => {
      ringside = await api();
      await vscode.commands.executeCommand("ringside.breakOnExit", { key: "CPUID" });
      session = await TestSession.start("tour.asm");
      await session.nextStop();
    });
    after(async () => {
      await stopAll();
      session?.dispose();
    });

    it("show the VCPU's registers beside the hardware's", async () => {
      const rows = await allRows(ringside.views.vcpu);
      const registers = [...rows.values()].filter((row) => row.kind === "register");
      const ebx = registers.find((row) => row.key === "rbx" || row.key === "ebx");
      assert.match(ebx?.description ?? "", /22222222/);
      // A guest in VMX non-root operation is not what the hardware is in while the VMM runs.
      assert.ok(registers.some((row) => row.mark === "differs"));
    });

    it("show the VMCS by area, decoded", async () => {
      const rows = await allRows(ringside.views.vmcs);
      for (const area of ["vmcs/exit-info", "vmcs/guest", "vmcs/control", "vmcs/host"]) {
        assert.ok(rows.has(area), `${area} is there`);
      }
      const reason = [...rows.values()].find((row) => /exit reason/i.test(row.label));
      assert.match(reason?.description ?? "", /0xa\b/);
    });

    it("walk the nested page tables down to frames", async () => {
      const rows = [...(await allRows(ringside.views.hardwareTables)).values()];
      assert.ok(rows.some((row) => row.kind === "page" && (row.description ?? "").includes("HPA")));
    });

    it("say why there are no guest page tables while the guest has paging off", async () => {
      assert.deepEqual(await ringside.views.guestTables.getChildren(), []);
    });

    it("count the VM exits and keep the ticks", async () => {
      const rows = await allRows(ringside.views.exits);
      const cpuid = rows.get("exit/CPUID");
      assert.equal(cpuid?.checked, true);
      assert.match(cpuid.description ?? "", /1 ×/);
    });

    it("keep the ids of their rows from stop to stop", async () => {
      const before = [...(await allRows(ringside.views.vcpu)).keys()];
      await session?.command("workbench.action.debug.stepInto");
      assert.deepEqual([...(await allRows(ringside.views.vcpu)).keys()], before);
    });
  });
}
