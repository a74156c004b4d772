// Limits on the time that a connection may take, and on the rate at which its peer must send.
//
// No limit has a timer per read, and nothing is recorded when bytes come or go. One sweep per
// server looks at the connections every `grain` milliseconds, and compares their counters with
// those of the sweep before. So a limit costs nothing while bytes flow.
//
// - A limit never fires too early. It fires less than two grains too late: one grain until the
//   sweep sees the event from which the limit counts, and one until it sees that the time has
//   passed. A grain is a tenth of the smallest limit, and between 10 and 1,000 ms.
// - Rejected: a deadline in the heap per read. It needs two heap operations per request; the sweep
//   needs one comparison per connection.
//
// Whether the peer takes what was written shows at three depths: the writer's slices, what libuv
// holds of one slice, and, where the system shows it (send-queues.ts), what the kernel holds. The
// last needs a file that lists every socket of the machine. It is read at most twice before a
// connection is ended: when a quarter of writeTimeout has passed, and at its end.
//
// The sweep runs while connections are open. If writeTimeout is the only limit, it runs only while
// a connection has unsent bytes: an idle process then sleeps, and one that has nothing else to do
// ends.
//
// A connection over a limit ends with a TimeoutError. Its reads reject with a ConnectionLostError
// that has the TimeoutError as its cause, and `connection.error` is the TimeoutError.
import { type Checks, type Deadline, integer, positiveMs } from '../base/index.ts';
import { addDeadline, deleteDeadline, loopTime, TimeoutError } from '../core/index.ts';
import type { Connection } from './connection.ts';
import type { SendQueues } from './send-queues.ts';

/**
 * Limits of one connection. Servers apply them to each of their connections, and `openConnection`
 * to its own.
 */
export interface ConnectionLimits {
  /**
   * Milliseconds without a byte in either direction after which the connection is ended. Time in
   * the line of `concurrency` does not count. Default: no limit.
   */
  readonly idleTimeout?: number | undefined;
  /** Milliseconds that a read may wait without a byte coming. Default: no limit. */
  readonly readTimeout?: number | undefined;
  /**
   * Milliseconds that unsent bytes may wait without the peer taking one. Default 60,000. Infinity:
   * no limit.
   */
  readonly writeTimeout?: number | undefined;
  /**
   * Milliseconds that a connection may last. Time in the line of `concurrency` counts. Default: no
   * limit.
   */
  readonly lifetime?: number | undefined;
  /**
   * Bytes per second that a peer in the middle of a message must send, measured over 5 seconds.
   * Default: no limit.
   */
  readonly minReceiveRate?: number | undefined;
  /**
   * Bytes of memory that the unsent bytes of a connection may take. Above it, the connection is
   * aborted and reported. Counts the payload, and 128 bytes for each write that stands alone.
   * Default 64 MiB.
   */
  readonly maxBuffered?: number | undefined;
}

/** The checks of ConnectionLimits. */
export const LIMITS: Checks<ConnectionLimits> = {
  idleTimeout: positiveMs,
  readTimeout: positiveMs,
  writeTimeout: positiveMs,
  lifetime: positiveMs,
  minReceiveRate: integer(1),
  maxBuffered: integer(1, Infinity),
};

const DEFAULT_WRITE_TIMEOUT = 60_000;
/** Milliseconds over which minReceiveRate is measured. */
const RATE_WINDOW = 5000;
const FINEST = 10;
const COARSEST = 1000;

/**
 * The counters of a connection at the last sweep that saw them change, and the time of that sweep.
 */
interface Watch {
  readonly since: number;
  read: number;
  readAt: number;
  /** Whether a read waited. */
  waiting: boolean;
  sent: number;
  sentAt: number;
  /**
   * Bytes that the kernel held when a quarter of writeTimeout had passed. Undefined before, and
   * where the system does not show it.
   */
  inKernel: number | undefined;
  /** When bytes last went in either direction, or the connection was last in line. */
  activeAt: number;
  /** Whether it waited for its handler to begin. */
  inLine: boolean;
  /** The window of minReceiveRate: when it began, and `bytesRead` at that time. */
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
  /** Only writeTimeout is set, as by default. */
  readonly #onlyWrite: boolean;
  readonly #connections: ReadonlySet<Connection>;
  readonly #isInLine: (connection: Connection) => boolean;
  readonly #readQueues: () => SendQueues | undefined;
  readonly #watches = new Map<Connection, Watch>();
  #sendQueues: SendQueues | undefined = undefined;
  #queuesReadAt = -1;

  /**
   * @param isInLine whether a connection waits for its handler to begin: the server, not the peer,
   * causes that silence
   * @param readQueues reads what the kernel holds; undefined where there is no kernel to ask
   */
  constructor(
    options: ConnectionLimits,
    connections: ReadonlySet<Connection>,
    isInLine: (connection: Connection) => boolean,
    readQueues: () => SendQueues | undefined,
  ) {
    this.#idle = options.idleTimeout ?? Infinity;
    this.#read = options.readTimeout ?? Infinity;
    this.#write = options.writeTimeout ?? DEFAULT_WRITE_TIMEOUT;
    this.#lifetime = options.lifetime ?? Infinity;
    this.#rate = options.minReceiveRate ?? 0;
    this.#connections = connections;
    this.#isInLine = isInLine;
    this.#readQueues = readQueues;
    this.#onlyWrite = this.#rate === 0 && Math.min(this.#idle, this.#read, this.#lifetime) === Infinity;
    const window = this.#rate > 0 ? RATE_WINDOW : Infinity;
    const shortest = Math.min(this.#idle, this.#read, this.#write, this.#lifetime, window);
    this.#grain = shortest === Infinity ? Infinity : Math.min(COARSEST, Math.max(FINEST, shortest / 10));
  }

  /**
   * Starts the sweep unless it runs. Call it when a connection was opened, or when the system did
   * not take at once what a connection wrote.
   */
  opened(): void {
    if (this.slot < 0 && this.#grain !== Infinity) this.#next();
  }

  /** Forgets a connection that is gone, and stops the sweep after the last. */
  gone(connection: Connection): void {
    this.#watches.delete(connection);
    if (this.#connections.size === 0) deleteDeadline(this);
  }

  /** One sweep over the connections. */
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
    else this.#watches.clear(); // they would be out of date at the next sweep
  }

  #hasMore(): boolean {
    if (!this.#onlyWrite) return this.#connections.size > 0;
    for (const { unsentBytes } of this.#connections) if (unsentBytes > 0) return true;
    return false;
  }

  #next(): void {
    this.when = loopTime() + this.#grain;
    addDeadline(this);
  }

  /** Compares a connection with the last sweep. Returns why it must end now, or undefined. */
  #look(connection: Connection, now: number): string | undefined {
    const { reader, bytesRead, unsentBytes: unsent } = connection;
    const sent = connection.bytesWritten - connection.untakenBytes;
    let watch = this.#watches.get(connection);
    if (watch === undefined) {
      if (this.#onlyWrite && unsent === 0) return undefined; // nothing to measure: true of most connections, by default
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
    // Time counts against the peer only while the program waits for it. A read that began since the
    // last sweep counts from this one, so that the limit does not fire too early.
    if (bytesRead !== read || !watch.waiting || !reader.waiting) watch.readAt = now;
    watch.waiting = reader.waiting;
    if (sent !== sentBefore || unsent === 0 || this.#kernelMoved(connection, watch, now)) {
      watch.sentAt = now;
      watch.inKernel = undefined;
    }
    watch.read = bytesRead;
    watch.sent = sent;
    if (now - watch.since >= this.#lifetime) return `its lifetime of ${this.#lifetime} ms is over`;
    // Count idle time only from the first sweep that saw the connection outside the line. Counted
    // from the sweep before, the limit would fire too early.
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

  /** Whether the kernel, which took nothing from us, sent something on to the peer meanwhile. */
  #kernelMoved(connection: Connection, watch: Watch, now: number): boolean {
    const passed = now - watch.sentAt;
    if (passed < this.#write / 4 || (watch.inKernel !== undefined && passed < this.#write)) return false;
    const held = this.#queues(now)?.of(connection.socketAddresses);
    const before = watch.inKernel;
    watch.inKernel = held;
    return before !== undefined && held !== before;
  }

  /** What the kernel holds. Read at most once per sweep. */
  #queues(now: number): SendQueues | undefined {
    if (this.#sendQueues === undefined || this.#queuesReadAt !== now) this.#sendQueues = this.#readQueues();
    this.#queuesReadAt = now;
    return this.#sendQueues;
  }

  #isSlow(connection: Connection, watch: Watch, now: number): boolean {
    if (this.#rate === 0) return false;
    // Between messages, and while the program is busy, the peer need not send.
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
