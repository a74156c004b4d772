// What stands outside of the servers of a snapshot: clients that wait for a place.
import { escapeControl } from '../base/index.ts';
import type { ResourceRow, Snapshot } from './records.ts';
import { figure } from './resource-rows.ts';
import type { OutsideRow } from './table-rows.ts';

/** Returns a row for each server. What the system has accepted by itself is not known here. */
export function outsideOf({ resources }: Snapshot): readonly OutsideRow[] {
  return joinOutside(resources.filter(({ kind }) => kind === 'server').map(outsideRow));
}

/** Joins rows of one server: the workers of a program serve the clients of one. */
export function joinOutside(rows: readonly OutsideRow[]): readonly OutsideRow[] {
  const joined = new Map<string, OutsideRow>();
  for (const row of rows) {
    const before = joined.get(row.server);
    joined.set(row.server, before === undefined ? row : joinTwo(before, row));
  }
  return [...joined.values()];
}

function joinTwo(a: OutsideRow, b: OutsideRow): OutsideRow {
  return {
    ...a,
    parked: a.parked + b.parked,
    inLine: a.inLine + b.inLine,
    refused: a.refused + b.refused,
    backlog: a.backlog ?? b.backlog,
    limit: a.limit ?? b.limit,
  };
}

/** Returns the row of a server, from its figures. */
export function outsideRow({ label, statistics }: Pick<ResourceRow, 'label' | 'statistics'>): OutsideRow {
  const { refused } = statistics;
  const counts = typeof refused === 'object' && refused !== null ? Object.values(refused) : [];
  return {
    server: label,
    parked: figure({ statistics }, 'parked'),
    inLine: figure({ statistics }, 'inLine'),
    refused: counts.reduce((sum: number, count) => sum + (typeof count === 'number' ? count : 0), 0),
    backlog: null,
    limit: null,
  };
}

/**
 * The limit that a server has reached, in words: `maxConnections 120`; undefined if no client waits
 * outside.
 */
export function limitWords({ parked, inLine, limit }: OutsideRow): string | undefined {
  if (parked + inLine === 0) return undefined;
  if (limit !== null) return escapeControl(limit);
  return parked > 0 ? 'its limit of connections' : 'its limit of handlers at a time';
}
