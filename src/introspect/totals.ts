// What a program has in numbers, cheaply enough for once a second: one pass over what is open, and
// rows of a bounded number of servers and executors.
import { firstOpenResource, liveTasks, type Resource } from '../core/index.ts';
import { labelOf } from './resource-rows.ts';

/** How many there are, and what went in and out since the servers were made. */
export interface Totals {
  readonly tasks: number;
  /** Accepted connections that are open. */
  readonly connections: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly servers: readonly ServerTotals[];
  readonly executors: readonly ExecutorTotals[];
}

/** The figures of a server; see ServerStatistics. */
export interface ServerTotals {
  readonly label: string;
  readonly accepted: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly open: number;
  readonly parked: number;
  readonly inLine: number;
  readonly handling: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** The figures of an executor; see ExecutorStatistics. */
export interface ExecutorTotals {
  readonly label: string;
  readonly workers: number;
  readonly queued: number;
  readonly running: number;
  readonly finished: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly lost: number;
}

/** The most rows of servers, and of executors. Further ones count in the sums alone. */
const MOST_ROWS = 16;

/** Returns the totals of this thread. */
export function takeTotals(): Totals {
  let tasks = 0;
  for (const _ of liveTasks()) tasks++;
  let connections = 0;
  let bytesIn = 0;
  let bytesOut = 0;
  const servers: ServerTotals[] = [];
  const executors: ExecutorTotals[] = [];
  let resource = firstOpenResource(); // without an iterator: there may be many
  for (; resource !== undefined; resource = resource.next as Resource | undefined) {
    if (resource.kind === 'server') {
      const row = serverOf(resource);
      connections += row.open;
      bytesIn += row.bytesRead;
      bytesOut += row.bytesWritten;
      if (servers.length < MOST_ROWS) servers.push(row);
    } else if (resource.kind === 'executor' && executors.length < MOST_ROWS) executors.push(executorOf(resource));
  }
  return { tasks, connections, bytesIn, bytesOut, servers, executors };
}

// Whatever calls itself a server or an executor: what it does not count is 0.

function serverOf(server: Resource): ServerTotals {
  const figures = server.statistics() as Partial<ServerTotals>;
  const { accepted = 0, refused = {}, open = 0, parked = 0, inLine = 0, handling = 0 } = figures;
  const { bytesRead = 0, bytesWritten = 0 } = figures;
  return { label: labelOf(server), accepted, refused, open, parked, inLine, handling, bytesRead, bytesWritten };
}

function executorOf(executor: Resource): ExecutorTotals {
  const figures = executor.statistics() as Partial<ExecutorTotals>;
  const { workers = 0, queued = 0, running = 0, finished = 0, failed = 0, cancelled = 0, lost = 0 } = figures;
  return { label: labelOf(executor), workers, queued, running, finished, failed, cancelled, lost };
}
