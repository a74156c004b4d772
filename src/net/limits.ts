// Limits on what a connection may take: of time, and of the server's patience.
//
// There is no timer per read, and nothing is noted when bytes come or go: one sweep per server looks at its connections
// every `grain` milliseconds and compares their counters with those of the sweep before. So a limit costs nothing while
// bytes flow, and is noticed less than two grains too late, never too early: one until what it counts from is seen, one until
// its end is. A grain is a tenth of the smallest limit, from 10 to 1,000 ms.
// (A deadline in the heap per read is the rejected option: two heap operations per request against one comparison per
// connection and sweep.)
//
// Whether the peer takes what was written is seen at three depths: the writer's slices, what libuv holds of one, and, where the
// system shows it (send-queues.ts), what the kernel holds. The last costs a file that lists every socket, so it is read at most
// twice before a connection is ended: when a quarter of the time has passed, and at its end.
//
// The sweep runs while connections are open; with no limit but writeTimeout, only while one of them has something unsent: an
// idle process sleeps, and one that has nothing else to do ends. A connection over a limit is ended with a TimeoutError: its reads reject with
// ConnectionLostError, whose cause it is, and it stands in `connection.error`.
import { type Checks, type Deadline, integer, positiveMs } from '../base/index.ts';
import { addDeadline, deleteDeadline, loopTime, TimeoutError } from '../core/index.ts';
import type { Connection } from './connection.ts';
import { SendQueues } from './send-queues.ts';

/** Limits of one connection: options of servers, for each of their connections, and of `openConnection`. */
export interface ConnectionLimits {
  /**
   * Milliseconds without a byte in either direction after which a connection is ended. Time in the line of `concurrency` does
   * not count. Default: no limit.
   */
  readonly idleTimeout?: number | undefined;
  /** Milliseconds a read may wait without a byte coming. Default: no limit. */
  readonly readTimeout?: number | undefined;
  /** Milliseconds unsent bytes may wait without the peer taking one. Default 60,000; Infinity: no limit. */
  readonly writeTimeout?: number | undefined;
  /** Milliseconds a connection may last, time in the line of `concurrency` included. Default: no limit. */
  readonly lifetime?: number | undefined;
  /** Bytes per second: a peer in the middle of a message must send as many, over any 5 seconds. Default: no limit. */
  readonly minReceiveRate?: number | undefined;
  /**
   * Bytes of memory: a connection whose unsent bytes take more is aborted and reported. Counts the payload, and 128 bytes for each
   * write that stands alone. Default 64 MiB.
   */
  readonly maxBuffered?: number | undefined;
}

/** Their checks. */
export const LIMITS: Checks<ConnectionLimits> = {
  idleTimeout: positiveMs,
  readTimeout: positiveMs,
  writeTimeout: positiveMs,
  lifetime: positiveMs,
  minReceiveRate: integer(1),
  maxBuffered: integer(1, Infinity),
};

const DEFAULT_WRITE_TIMEOUT = 60_000;
/** Milliseconds over which the rate of receiving is measured. */
const RATE_WINDOW = 5000;
const FINEST = 10;
const COARSEST = 1000;

/** The counters of a connection as of the last sweep that saw them change, and when that was. */
interface Watch {
  readonly since: number;
  read: number;
  readAt: number;
  /** A read waited. */
  waiting: boolean;
  sent: number;
  sentAt: number;
  /** What the kernel held when a quarter of writeTimeout had passed; undefined before, and where it does not say. */
  inKernel: number | undefined;
  /** When bytes last went either way, or it was last in line. */
  activeAt: number;
  /** It waited for its handler to begin. */
  inLine: boolean;
  /** The window of the rate. */
  rateFrom: number;
  rateBytes: number;
}

/** The limits of one server, or of one opened connection, and their sweep. */
export class Limits implements Deadline {
  when = 0;
  slot = -1;
  order = 0;
  readonly #idle: number;
  readonly #read: number;
  readonly #write: number;
  readonly #lifetime: number;
  readonly #rate: number;
  readonly #grain: number;
  /** No limit but writeTimeout is set, as by default. */
  readonly #onlyWrite: boolean;
  readonly #connections: ReadonlySet<Connection>;
  readonly #isInLine: (connection: Connection) => boolean;
  readonly #watches = new Map<Connection, Watch>();
  #sendQueues: SendQueues | undefined = undefined;
  #queuesReadAt = -1;

  /** @param isInLine whether a connection waits for its handler to begin: its silence is the server's own */
  constructor(
    options: ConnectionLimits,
    connections: ReadonlySet<Connection>,
    isInLine: (connection: Connection) => boolean,
  ) {
    this.#idle = options.idleTimeout ?? Infinity;
    this.#read = options.readTimeout ?? Infinity;
    this.#write = options.writeTimeout ?? DEFAULT_WRITE_TIMEOUT;
    this.#lifetime = options.lifetime ?? Infinity;
    this.#rate = options.minReceiveRate ?? 0;
    this.#connections = connections;
    this.#isInLine = isInLine;
    this.#onlyWrite = this.#rate === 0 && Math.min(this.#idle, this.#read, this.#lifetime) === Infinity;
    const window = this.#rate > 0 ? RATE_WINDOW : Infinity;
    const shortest = Math.min(this.#idle, this.#read, this.#write, this.#lifetime, window);
    this.#grain = shortest === Infinity ? Infinity : Math.min(COARSEST, Math.max(FINEST, shortest / 10));
  }

  /** A connection was opened, or the system did not take at once what it wrote: there may be something to look at. */
  opened(): void {
    if (this.slot < 0 && this.#grain !== Infinity) this.#next();
  }

  /** A connection is gone. */
  gone(connection: Connection): void {
    this.#watches.delete(connection);
    if (this.#connections.size === 0) deleteDeadline(this);
  }

  /** The sweep. */
  due(): void {
    const now = loopTime();
    for (const connection of this.#connections) {
      if (connection.gone || connection.failed) continue;
      const reason = this.#look(connection, now);
      if (reason === undefined) continue;
      connection.fail(new TimeoutError(`Connection ended: ${reason} (${connection.label})`));
    }
    this.#sendQueues = undefined;
    if (this.#hasMore()) this.#next();
    else this.#watches.clear(); // what they have seen is old by the next sweep
  }

  #hasMore(): boolean {
    if (!this.#onlyWrite) return this.#connections.size > 0;
    for (const { writer } of this.#connections) if (writer.bufferedBytes > 0) return true;
    return false;
  }

  #next(): void {
    this.when = loopTime() + this.#grain;
    addDeadline(this);
  }

  /** Why the connection must end now; undefined when it may go on. */
  #look(connection: Connection, now: number): string | undefined {
    const { reader, writer, bytesRead } = connection;
    const unsent = writer.bufferedBytes;
    const sent = writer.bytesWritten - connection.untakenBytes;
    let watch = this.#watches.get(connection);
    if (watch === undefined) {
      if (this.#onlyWrite && unsent === 0) return undefined; // nothing to measure: most connections, by default
      watch = {
        since: now,
        read: bytesRead,
        readAt: now,
        waiting: reader.waiting,
        sent,
        sentAt: now,
        inKernel: undefined,
        activeAt: now,
        inLine: this.#isInLine(connection),
        rateFrom: now,
        rateBytes: bytesRead,
      };
      this.#watches.set(connection, watch);
      return undefined;
    }
    const { read, sent: sentBefore } = watch;
    // Time counts against the peer only while the program waits for it.
    // A read that began since the last sweep counts from this one: it must not come too early.
    if (bytesRead !== read || !watch.waiting || !reader.waiting) watch.readAt = now;
    watch.waiting = reader.waiting;
    if (sent !== sentBefore || unsent === 0 || this.#kernelMoved(connection, watch, now)) {
      watch.sentAt = now;
      watch.inKernel = undefined;
    }
    watch.read = bytesRead;
    watch.sent = sent;
    if (now - watch.since >= this.#lifetime) return `its lifetime of ${this.#lifetime} ms is over`;
    // Until a sweep has seen it outside of the line: counted from the sweep before, the limit would come too early.
    const waited = watch.inLine;
    watch.inLine = this.#isInLine(connection);
    if (bytesRead !== read || sent !== sentBefore || waited || watch.inLine) watch.activeAt = now;
    if (unsent > 0 && now - watch.sentAt >= this.#write)
      return `writeTimeout: ${unsent} bytes unsent, none taken for ${this.#write} ms`;
    if (reader.waiting && now - watch.readAt >= this.#read)
      return `readTimeout: a read waits, no byte came for ${this.#read} ms`;
    if (now - watch.activeAt >= this.#idle) return `idleTimeout: no byte either way for ${this.#idle} ms`;
    return this.#isSlow(connection, watch, now)
      ? `minReceiveRate: less than ${this.#rate} bytes per second came`
      : undefined;
  }

  /** Whether the kernel, which took nothing from us, passed something on to the peer meanwhile. */
  #kernelMoved(connection: Connection, watch: Watch, now: number): boolean {
    const passed = now - watch.sentAt;
    if (passed < this.#write / 4 || (watch.inKernel !== undefined && passed < this.#write)) return false;
    const held = this.#queues(now).of(connection.socketAddresses);
    const before = watch.inKernel;
    watch.inKernel = held;
    return before !== undefined && held !== before;
  }

  /** What the kernel holds, read once for a whole sweep. */
  #queues(now: number): SendQueues {
    if (this.#sendQueues === undefined || this.#queuesReadAt !== now) this.#sendQueues = SendQueues.read();
    this.#queuesReadAt = now;
    return this.#sendQueues;
  }

  #isSlow(connection: Connection, watch: Watch, now: number): boolean {
    if (this.#rate === 0) return false;
    // Between messages, and while the program is busy, nobody owes it bytes.
    const owes =
      connection.reader.waiting && (connection.activity() === 'silent' || connection.reader.bufferedBytes > 0);
    if (!owes) {
      watch.rateFrom = now;
      watch.rateBytes = connection.bytesRead;
      return false;
    }
    const ms = now - watch.rateFrom;
    if (ms < RATE_WINDOW) return false;
    const slow = (connection.bytesRead - watch.rateBytes) * 1000 < this.#rate * ms;
    watch.rateFrom = now;
    watch.rateBytes = connection.bytesRead;
    return slow;
  }
}
