/** Returns plain data with a Buffer for each of its Uint8Arrays: a message to a thread leaves only these. */
export function withBuffers<T>(data: T): T {
  return revive(data) as T; // of the same shape
}

function revive(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) return value.map((each) => revive(each));
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, revive(each)]));
}
