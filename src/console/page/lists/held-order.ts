// The order of a list that stands still while one points at it: rows that were there keep their places, new ones come
// last, and what is in a row changes on.

export class HeldOrder<Row> {
  #keys: readonly (string | number)[] = [];

  /** The rows as they are to be shown; `sorted` is how they would stand by themselves. */
  arrange(sorted: readonly Row[], keyOf: (row: Row) => string | number, held: boolean): readonly Row[] {
    if (!held) {
      this.#keys = sorted.map(keyOf);
      return sorted;
    }
    const rows = new Map(sorted.map((row) => [keyOf(row), row]));
    const kept: Row[] = [];
    for (const key of this.#keys) {
      const row = rows.get(key);
      if (row === undefined) continue;
      kept.push(row);
      rows.delete(key);
    }
    const all = [...kept, ...rows.values()];
    this.#keys = all.map(keyOf);
    return all;
  }
}
