/** Returns what a map has for a key. `make` is called for a new key. */
export function once<K>(map: Map<K, number>, key: K, make: () => number): number {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
