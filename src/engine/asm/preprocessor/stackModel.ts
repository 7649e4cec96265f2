/** The stack frames that %stacksize chooses between. */

export interface StackModel {
  /** Bytes of a slot. */
  size: number;
  pointer: string;
  argument: number;
  local: number;
}

export const STACK_MODELS = {
  flat: { size: 4, pointer: "ebp", argument: 8, local: 0 },
  flat64: { size: 8, pointer: "rbp", argument: 16, local: 0 },
  large: { size: 2, pointer: "bp", argument: 4, local: 0 },
  small: { size: 2, pointer: "bp", argument: 6, local: 0 },
} as const satisfies Record<string, StackModel>;

export function defaultStackModel(): StackModel {
  return { ...STACK_MODELS.flat };
}
