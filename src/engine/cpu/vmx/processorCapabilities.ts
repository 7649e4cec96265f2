import { vmxCapabilities } from "../../isa/vmx/capabilities";

/** What this processor's VMX can do: the numbers behind the capability MSRs, the VM-entry checks and the instructions. */
export const CAPABILITIES = vmxCapabilities();
