// The open connections of a server, in the order they came: a list whose links are the connections' own.
//
// A Set is the rejected option. Connections come and go all the time, and each time a Set's table is made anew, V8 leaves a
// pointer from the old one to the new one: once one has become old, all that follow are kept until the next major collection,
// with the connections in them. That cost a server of short connections a tenth of its time.
import { LinkedSet } from '../base/index.ts';
import type { Connection, Place } from './connection.ts';

const OPERATIONS = [
  'union',
  'intersection',
  'difference',
  'symmetricDifference',
  'isSubsetOf',
  'isSupersetOf',
  'isDisjointFrom',
];

/** As a Set; an iteration gives the connections that were there when it began and still are. */
export class ConnectionSet implements ReadonlySet<Connection> {
  readonly #places = new LinkedSet<Place>();

  get size(): number {
    return this.#places.size;
  }

  has(connection: Connection): boolean {
    return connection.place.list === this.#places;
  }

  add(connection: Connection): void {
    this.#places.add(connection.place);
  }

  /** False when it was not inside. */
  delete(connection: Connection): boolean {
    return this.#places.delete(connection.place);
  }

  *[Symbol.iterator](): SetIterator<Connection> {
    for (const { connection } of [...this.#places]) if (this.has(connection)) yield connection;
  }

  values(): SetIterator<Connection> {
    return this[Symbol.iterator]();
  }

  keys(): SetIterator<Connection> {
    return this[Symbol.iterator]();
  }

  *entries(): SetIterator<[Connection, Connection]> {
    for (const connection of this) yield [connection, connection];
  }

  forEach(fn: (value: Connection, key: Connection, set: ReadonlySet<Connection>) => void, self?: unknown): void {
    for (const connection of this) fn.call(self, connection, connection, this);
  }

  static {
    // What ES2025 gives sets besides, where the runtime has it.
    for (const name of OPERATIONS) {
      if (!(name in Set.prototype)) continue;
      const value = function (this: ConnectionSet, other: unknown): unknown {
        const set = new Set(this) as unknown as Record<string, (other: unknown) => unknown>; // has it: see above
        return set[name]?.(other);
      };
      Object.defineProperty(this.prototype, name, { value, writable: true, configurable: true });
    }
  }
}
