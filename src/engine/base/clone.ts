/** A deep copy of plain data: objects, arrays, maps, sets, typed arrays and primitives. Snapshots are made of nothing else. */
export function clonePlain<T>(value: T): T {
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copy);
  if (value instanceof Uint8Array) return value.slice();
  if (value instanceof Uint32Array) return value.slice();
  if (value instanceof Map)
    return new Map([...value].map(([key, item]) => [copy(key), copy(item)]));
  if (value instanceof Set) return new Set([...value].map(copy));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copy(item)]));
}
