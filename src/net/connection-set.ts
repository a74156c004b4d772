// The open connections of a server, in the order in which they came: a list whose links are stored
// in the connections themselves.
//
// Rejected: a Set. Connections come and go all the time, and each time a Set rebuilds its table, V8
// keeps a pointer from the old table to the new one. Once one table has become old, all that follow
// are kept until the next major collection, with the connections in them. That cost a server of
// short connections a tenth of its time.
import { LinkedSet } from '../base/index.ts';
import type { Connection, Place } from './connection.ts';
import { addBytes, type Bytes } from './server-statistics.ts';

const OPERATIONS = [
  'union',
  'intersection',
  'difference',
  'symmetricDifference',
  'isSubsetOf',
  'isSupersetOf',
  'isDisjointFrom',
];

/**
 * A ReadonlySet. An iteration yields the connections that were there when it began and still are.
 */
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

  /** Removes a connection. Returns false when it was not inside. */
  delete(connection: Connection): boolean {
    return this.#places.delete(connection.place);
  }

  /** The bytes of its connections and of those that are gone. Without an iterator: there may be many. */
  sumBytes(gone: Readonly<Bytes>): Bytes {
    const sum = { ...gone };
    let place = this.#places.first;
    for (; place !== undefined; place = place.next as Place | undefined) addBytes(sum, place.connection); // only places are linked
    return sum;
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
    // The set methods of ES2025, where the runtime has them.
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
