/** The VM-entry checks seen from a processor. */
import type { Processor } from "../processor";
import { checkVmEntry } from "./entryChecks/checkVmEntry";
import { EXECUTION_CONTROL_RULES } from "./entryChecks/controlRules";
import { EntryState } from "./entryChecks/entryState";
import type { EntryContext, Violation } from "./entryChecks/violation";
import { CAPABILITIES } from "./processorCapabilities";
import { EFER } from "../systemState";
import { control, readVmcs } from "./vmcs";

/**
 * IA32_EFER as VMLAUNCH or VMRESUME will find it. While a guest runs the processor holds the guest's; the VM exit will set LMA from the
 * "host address-space size" control.
 */
function rootEfer(cpu: Processor): bigint {
  const efer = cpu.system.efer >>> 0;
  if (!cpu.system.vmx.nonRoot) return BigInt(efer);
  const longHost = control(cpu, "exit", "hostAddressSpaceSize");
  return BigInt((longHost ? efer | EFER.LMA : efer & ~EFER.LMA) >>> 0);
}

/** What a VM entry with the current VMCS would look at. */
export function entryContext(cpu: Processor): EntryContext {
  return {
    read: (field) => readVmcs(cpu, field),
    capabilities: CAPABILITIES,
    physicalAddressBits: cpu.model.physicalAddressBits,
    efer: rootEfer(cpu),
    currentVmcs: BigInt(cpu.system.vmx.current),
    readPhysical64: (hpa) => cpu.ram.read64(Number(hpa)),
  };
}

/** Everything that a VM entry with the current VMCS would find wrong; changes nothing. Empty without a current VMCS. */
export function explainEntry(cpu: Processor): readonly Violation[] {
  return cpu.system.vmx.current < 0 ? [] : checkVmEntry(entryContext(cpu)).violations;
}

const EPTP_RULES = EXECUTION_CONTROL_RULES.filter(
  ({ fields }) => fields.length === 1 && fields[0] === "EPT_POINTER",
);

/** Whether VM entry would accept this EPT pointer. INVEPT and VMFUNC ask the same. */
export function isValidEptp(cpu: Processor, eptp: bigint): boolean {
  const read: EntryContext["read"] = (field) => (field === "EPT_POINTER" ? eptp : 0xffffffffn);
  const state = new EntryState({ ...entryContext(cpu), read });
  return EPTP_RULES.every((rule) => rule.check(state) === undefined);
}
