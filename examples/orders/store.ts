// Where the orders are kept. The kitchen takes its work from here, so an order that is stored is cooked, whatever becomes
// of the guest, of the request, or of this process.
import type { Order } from './menu.ts';
import { openMariadb } from './store-mariadb.ts';
import { openSqlite } from './store-sqlite.ts';

export interface OrderStore extends AsyncDisposable {
  /** What it is, for people. */
  readonly title: string;
  /** Stores an order. Returns false if it is there already. */
  add(order: Order): Promise<boolean>;
  /** The oldest orders that are not served. */
  unserved(limit: number): Promise<readonly Order[]>;
  /** Writes down that an order is served. */
  serve(id: string): Promise<void>;
  /** The orders of a table, the latest first. */
  ofTable(table: number): Promise<readonly (Order & { readonly served: boolean })[]>;
  count(): Promise<{ readonly orders: number; readonly served: number }>;
}

/** Opens MariaDB where a URL says where it is, and otherwise SQLite, which needs nothing but a file. */
export function openStore(url: string | undefined, file: string): Promise<OrderStore> {
  return url === undefined ? openSqlite(file) : openMariadb(url);
}
