// A table as the page knows it: a client, or a task where the program serves none.
import { ownName, type TableNews } from '../../inspect/protocol/index.ts';
import { Steadiness } from './steadiness.ts';

/** A piece of a table's past, as far as frames told. */
export interface Span {
  /** The kind of the wait; -1 where several waits lie between two frames. */
  readonly ball: number;
  /** Of several waits: the kind that most of them are, as far as frames saw. */
  readonly mostly?: number;
  readonly from: number;
  readonly to: number;
  readonly place: number;
  /** Visits at its end: 1 after a wait, more after a span of several waits. */
  readonly visits: number;
}

export interface Table {
  readonly id: number;
  /** Null while no handler runs for it. */
  task: number | null;
  /** The name that the program gave it; empty if it gave none. */
  name: string;
  readonly peer: string;
  /** Null if it began before anybody looked. */
  readonly openedAt: number | null;
  /** Kept for the connection's life. */
  readonly seat: number;
  /** Its index in the list of tables; it changes when others leave. */
  index: number;
  /** An index into KINDS. */
  ball: number;
  /** When its wait began; 0 if it has none. */
  since: number;
  place: number;
  resource: number;
  unsent: number;
  visits: number;
  /** Microseconds of its own code, of the visits that were timed. */
  ran: number;
  flags: number;
  /** The oldest first. */
  readonly past: Span[];
  readonly steady: Steadiness;
  /** The moment of the last visit that a frame told of, on the page's clock. */
  visitedAt: number;
}

/** The kind that a table is drawn and counted as. */
export function drawnBall(table: Table, settled: boolean): number {
  return settled && table.steady.mostly ? table.steady.ball : table.ball;
}

/** The place that it is drawn and counted at: where it last waited as that kind. */
export function drawnPlace(table: Table, settled: boolean): number {
  return settled && table.steady.mostly ? table.steady.place : table.place;
}

export function newTable(news: TableNews, seat: number, index: number): Table {
  return {
    id: news.id,
    task: news.task,
    name: ownName(news.name, news.id, news.peer),
    peer: news.peer,
    openedAt: news.openedAt,
    seat,
    index,
    ball: 5,
    since: 0,
    place: -1,
    resource: -1,
    unsent: 0,
    visits: 0,
    ran: 0,
    flags: 0,
    past: [],
    steady: new Steadiness(),
    visitedAt: -Infinity,
  };
}
