import { vmcsView } from "../cpu/vmx/vmcsView";
import { fieldBits } from "../isa/vmx/vmcsFields";
import type { ViewedMachine } from "./guestContext";
import type { VmcsView } from "./types";

/** The current VMCS for the views. */
export function vmcsOf({ cpu }: ViewedMachine): VmcsView | undefined {
  if (cpu.system.vmx.current < 0) return undefined;
  const contents = vmcsView(cpu, cpu.system.vmx.current);
  if (!contents) return undefined;
  return {
    address: BigInt(contents.region),
    launchState: contents.launchState,
    current: contents.isCurrent,
    fields: contents.fields.map(({ field, value, decoded }) => ({
      name: field.name,
      title: field.title,
      encoding: field.encoding,
      area: field.area,
      group: field.group,
      value,
      width: fieldBits(field),
      decoded,
    })),
  };
}
