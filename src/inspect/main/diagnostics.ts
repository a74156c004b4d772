// Tasks, connections and messages on channels of node:diagnostics_channel, with the attribute names
// of OpenTelemetry's semantic conventions.
//
// - A message is what a handler does from the answer of one read to its next read, or to the end of
//   its connection. A connection may last for days, and a span of that length is useless: so
//   messages are the spans, and each names its connection.
// - Each kind of event has an instrument of its own, which is there only while one of its channels
//   has a subscriber. Channels do not tell when that changes, so they are looked at once a second.
import { channel } from 'node:diagnostics_channel';
import { clearInterval, setInterval } from 'node:timers';
import { disposable } from '../../base/index.ts';
import {
  addInstrument,
  host,
  type Instrument,
  type ResourceRecord,
  type Task,
  type TaskRecord,
  type WaitRecord,
} from '../../core/index.ts';
import { outcomeOf } from '../../introspect/index.ts';
import { type Address, Connection } from '../../net/index.ts';

/** Attributes by the names of OpenTelemetry's semantic conventions. */
export type Attributes = Readonly<Record<string, string | number>>;

/** What `maitre.task.started` and `maitre.task.ended` publish. */
export interface TaskDiagnostics {
  readonly task: { readonly id: number; readonly name: string };
  /** The id of the task that created it; null outside of tasks. At the start only. */
  readonly creator?: number | null;
  /** In milliseconds since 1970, with fractions. */
  readonly time: number;
  /** At the end only. */
  readonly outcome?: 'returned' | 'threw' | 'cancelled';
  readonly error?: unknown;
}

/** What `maitre.connection.opened` and `maitre.connection.closed` publish. */
export interface ConnectionDiagnostics {
  /** Unique in its thread. */
  readonly connection: number;
  /** Whether a server accepted it, or the program opened it. */
  readonly kind: 'server' | 'client';
  readonly attributes: Attributes;
  /** In milliseconds since 1970, with fractions. */
  readonly time: number;
  /** What ended it; undefined for an orderly end. At the end only. */
  readonly error?: unknown;
  readonly bytesRead?: number;
  readonly bytesWritten?: number;
}

/** What `maitre.message.started` and `maitre.message.ended` publish: the same object both times. */
export interface MessageDiagnostics {
  /** The connection to which the span links. */
  readonly connection: number;
  /** The number of the message in its connection, from 1. */
  readonly message: number;
  /** For the span. */
  readonly name: 'message';
  readonly kind: 'server';
  readonly attributes: Attributes;
  /** In milliseconds since 1970, with fractions. */
  readonly startTime: number;
  /** Undefined at the start. */
  endTime?: number;
}

const channels = {
  taskStarted: channel('maitre.task.started'),
  taskEnded: channel('maitre.task.ended'),
  connectionOpened: channel('maitre.connection.opened'),
  connectionClosed: channel('maitre.connection.closed'),
  messageStarted: channel('maitre.message.started'),
  messageEnded: channel('maitre.message.ended'),
};

/** How often the channels are looked at, in milliseconds. */
const LOOK_EVERY = 1000;

/**
 * Publishes tasks, connections and messages on channels of `node:diagnostics_channel`, until the
 * result is disposed. Subscribe before you call it: later subscribers are noticed within a second.
 * Without subscribers it costs nothing but a look at six channels a second. It does not keep the
 * process alive, and needs no inspector.
 *
 * @example
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel';
 * import { type MessageDiagnostics, publishDiagnostics } from 'maitre/inspect';
 * subscribe('maitre.message.ended', (message) => {
 *   const { connection, name, startTime, endTime = 0 } = message as MessageDiagnostics;
 *   console.log(`${name} of connection ${connection} took ${endTime - startTime} ms`);
 * });
 * using _ = publishDiagnostics();
 * ```
 */
export function publishDiagnostics(): Disposable {
  const groups = [
    new Group([channels.taskStarted, channels.taskEnded], taskInstrument),
    new Group([channels.connectionOpened, channels.connectionClosed], connectionInstrument),
    new Group([channels.messageStarted, channels.messageEnded], messageInstrument),
  ];
  const look = (): void => {
    for (const group of groups) group.look();
  };
  look();
  const timer = setInterval(look, LOOK_EVERY);
  timer.unref();
  return disposable(() => {
    clearInterval(timer);
    for (const group of groups) group.end();
  });
}

/** An instrument that is there while one of its channels has a subscriber. */
class Group {
  readonly #channels: readonly { readonly hasSubscribers: boolean }[];
  readonly #make: () => Instrument;
  #installed: Disposable | undefined;

  constructor(of: readonly { readonly hasSubscribers: boolean }[], make: () => Instrument) {
    this.#channels = of;
    this.#make = make;
  }

  look(): void {
    if (!this.#channels.some(({ hasSubscribers }) => hasSubscribers)) this.end();
    else this.#installed ??= addInstrument(this.#make());
  }

  end(): void {
    this.#installed?.[Symbol.dispose]();
    this.#installed = undefined;
  }
}

function now(): number {
  return host.timeOrigin + host.now();
}

// ---- tasks -----------------------------------------------------------------------------------------------------

function taskInstrument(): Instrument {
  return {
    taskStarted({ id, name }, creator) {
      const event: TaskDiagnostics = { task: { id, name }, creator: creator?.id ?? null, time: now() };
      channels.taskStarted.publish(event);
    },
    taskEnded(task) {
      const { id, name } = task;
      const event: TaskDiagnostics = { task: { id, name }, time: now(), ...endOf(task as Task<unknown>) }; // there are no other tasks
      channels.taskEnded.publish(event);
    },
  };
}

function endOf(task: Task<unknown>): Pick<TaskDiagnostics, 'outcome' | 'error'> {
  const { how, error } = outcomeOf(task);
  return how === 'threw' ? { outcome: how, error } : { outcome: how };
}

// ---- connections -----------------------------------------------------------------------------------------------

function connectionInstrument(): Instrument {
  return {
    opened(resource) {
      if (resource instanceof Connection) channels.connectionOpened.publish(describe(resource));
    },
    closed(resource) {
      if (!(resource instanceof Connection)) return;
      const { error, bytesRead, bytesWritten } = resource;
      channels.connectionClosed.publish({ ...describe(resource), error, bytesRead, bytesWritten });
    },
  };
}

function describe(connection: Connection): ConnectionDiagnostics {
  const kind = connection.parent === undefined ? 'client' : 'server';
  return { connection: connection.id, kind, attributes: attributesOf(connection), time: now() };
}

/**
 * The addresses of a connection. `client` and `server` are the two roles, behind a balancer those of
 * the real client; `network.peer` and `network.local` are the ends of the socket itself.
 */
function attributesOf(connection: Connection): Attributes {
  const { peer, local, socketAddresses, parent } = connection;
  const accepted = parent !== undefined;
  const first = socketAddresses.peer;
  return {
    'network.transport': 'path' in first ? 'unix' : 'tcp',
    ...('path' in first ? {} : { 'network.type': first.family === 'IPv6' ? 'ipv6' : 'ipv4' }),
    ...pairOf('network.peer', first),
    ...pairOf('network.local', socketAddresses.local),
    ...pairOf('client', accepted ? peer : local),
    ...pairOf('server', accepted ? local : peer),
  };
}

function pairOf(name: string, address: Address): Attributes {
  if ('path' in address) return { [`${name}.address`]: address.path };
  return { [`${name}.address`]: address.address, [`${name}.port`]: address.port };
}

// ---- messages --------------------------------------------------------------------------------------------------

/** The reads that begin a message when they are answered, and end one when they begin. */
const READS: ReadonlySet<string> = new Set(['read', 'readExactly', 'readUntil', 'readLine']);

/** What is kept of a connection while it is open. */
interface Messages {
  count: number;
  /** The bytes that its handler had read when its last read began. */
  read: number;
  readonly attributes: Attributes;
  open: MessageDiagnostics | undefined;
}

function messageInstrument(): Instrument {
  const all = new Map<Connection, Messages>();
  /** The connections with open messages, by the tasks of their handlers. */
  const serving = new Map<TaskRecord, Connection>();
  const messagesOf = (connection: Connection): Messages => {
    let messages = all.get(connection);
    if (messages === undefined) {
      messages = { count: 0, read: 0, attributes: attributesOf(connection), open: undefined };
      all.set(connection, messages);
    }
    return messages;
  };
  const end = (connection: Connection): void => {
    const messages = all.get(connection);
    const message = messages?.open;
    if (messages === undefined || message === undefined) return;
    messages.open = undefined;
    if (connection.task !== undefined) serving.delete(connection.task);
    message.endTime = now();
    channels.messageEnded.publish(message);
  };
  return {
    waitBegun(wait) {
      const connection = servedBy(wait);
      if (connection === undefined) return;
      end(connection);
      messagesOf(connection).read = readBytes(connection);
    },
    waitEnded(wait, outcome) {
      const connection = servedBy(wait);
      if (connection === undefined) return;
      end(connection);
      const messages = messagesOf(connection);
      // The end of the stream answers a read too, with no bytes.
      if (outcome !== 'answered' || readBytes(connection) <= messages.read) return;
      messages.open = {
        connection: connection.id,
        message: ++messages.count,
        name: 'message',
        kind: 'server',
        attributes: messages.attributes,
        startTime: now(),
      };
      if (connection.task !== undefined) serving.set(connection.task, connection);
      channels.messageStarted.publish(messages.open);
    },
    closed(resource: ResourceRecord) {
      if (!(resource instanceof Connection)) return;
      end(resource);
      all.delete(resource);
    },
    taskEnded(task: TaskRecord) {
      const connection = serving.get(task);
      if (connection !== undefined) end(connection);
    },
  };
}

/** The bytes that the handler has read. */
function readBytes({ bytesRead, reader }: Connection): number {
  return bytesRead - reader.bufferedBytes;
}

/** The accepted connection of which a handler reads; undefined for other waits. */
function servedBy({ kind, resource }: WaitRecord): Connection | undefined {
  if (!READS.has(kind)) return undefined;
  const { partOf } = resource as { readonly partOf?: unknown }; // the reader of a connection, or another one
  return partOf instanceof Connection && partOf.parent !== undefined ? partOf : undefined;
}
