// Connections to Redis over ioredis, an optional peer: from a URL, a socket path, or a client that
// the program has.
//
// Every connection is our own. A client of the program is only duplicated, so it is never closed,
// blocked or put into subscriber mode here.
//
// States of a connection: CONNECTING -(ready)-> OPEN <-> LOST, and from any of them -> CLOSED.
// While CONNECTING, the first failure is final: it becomes one clear error. An OPEN one that is lost
// is made again, for as long as it takes, with a delay that grows and has jitter. What is sent
// meanwhile waits, and what was on its way is sent again: commands must bear to run twice.
import type { Redis, RedisOptions } from 'ioredis';
import { isModuleMissing, wrongValue } from '../base/index.ts';
import { cancellable, ConnectionLostError, random, type WaitOptions } from '../core/index.ts';

/** The part of a client of ioredis that is needed of one that the program passes. */
export interface RedisClient {
  readonly options: object;
  /** Makes another connection with the same options. */
  duplicate(override?: object): unknown;
}

/**
 * Where Redis is: a URL (`redis://user:password@host:6379/0`, `rediss://` with TLS), the path of a
 * Unix socket (`/run/redis.sock`), or a client of ioredis, which is duplicated and never closed.
 */
export type RedisOption = RedisClient | URL | string;

/** Where Redis is if nobody says otherwise. */
export const LOCAL_REDIS = 'redis://localhost:6379';

type ConnectOptions = RedisOptions & { replyMapping?: 'legacy' };

/** Milliseconds that a connection may take to open, and, the first time, until Redis is ready for commands. */
const [CONNECT_TIMEOUT, READY_TIMEOUT] = [5000, 10_000];
/** Milliseconds before the first and before every later attempt to connect again. */
const [FIRST_DELAY, LAST_DELAY] = [50, 2000];

/** The check for the option `redis`. */
export function redisAddress(action: string, name: string, value: unknown): void {
  if (typeof value === 'string' && (value.startsWith('/') || isRedisUrl(value))) return;
  if (value instanceof URL && isRedisUrl(value.href)) return;
  if (typeof value === 'object' && value !== null && typeof (value as Partial<RedisClient>).duplicate === 'function')
    return;
  throw wrongValue(
    action,
    name,
    "a URL such as 'redis://localhost:6379', the path of a socket, or a client of ioredis",
    value,
    'string',
  );
}

/**
 * Loads an optional package of this door.
 * @throws Error with the command that installs it
 */
export async function loadPackage<M>(action: string, name: string, load: () => Promise<M>): Promise<M> {
  try {
    return await load();
  } catch (error) {
    if (!isModuleMissing(error, name)) throw error;
    throw new Error(
      `Cannot ${action}: maitre/distributed needs the packages bullmq and ioredis, and ${name} is not installed\n    npm install bullmq ioredis`,
      { cause: error },
    );
  }
}

/**
 * Opens a connection, which the caller closes with `closeRedis`. Cancellable.
 * @param action what needs it, for messages: "create executor"
 * @param override options of ioredis for this connection
 * @throws ConnectionLostError if there is no Redis, or it refuses the connection
 * @throws Error with the command that installs ioredis, if that is missing
 */
export async function openRedis(
  action: string,
  redis: RedisOption,
  override: ConnectOptions = {},
  wait?: WaitOptions,
): Promise<Redis> {
  const { Redis: Client } = await loadPackage(action, 'ioredis', () => import('ioredis'));
  let isOpen = false;
  let isLate = false;
  let last: unknown;
  const options: ConnectOptions = {
    connectTimeout: CONNECT_TIMEOUT,
    ...override,
    replyMapping: 'legacy', // whatever the client of the program has
    lazyConnect: true,
    maxRetriesPerRequest: null,
    retryStrategy: (times) => (isOpen ? delayOf(times) : null),
  };
  const client = isClient(redis)
    ? (redis.duplicate(options) as Redis)
    : new Client({ ...optionsOf(redis), ...options });
  client.on('error', (error) => {
    last = error; // without a listener, ioredis prints it
  });
  client.once('ready', () => {
    isOpen = true;
  });
  // The timeout of ioredis ends with the connection. A server that says nothing, or loads its data, accepts one.
  const late = setTimeout(() => {
    isLate = true;
    void endRedis(client);
  }, READY_TIMEOUT);
  try {
    await cancellable(client.connect(), wait);
    const { db = 0 } = client.options;
    if (db > 0) await cancellable(client.select(db), wait); // ioredis stays with 0 if there is none
    return client;
  } catch (error) {
    void endRedis(client);
    const cause = last ?? (isLate ? new Error(`it was not ready within ${READY_TIMEOUT} ms`) : error);
    if (cause !== error || !isOpen || isRefusal(error)) throw noRedis(action, redis, cause, error);
    throw error;
  } finally {
    clearTimeout(late);
  }
}

/**
 * Closes a connection, once what was sent is answered or `ms` milliseconds have passed. Resolves when
 * its socket is closed.
 */
export async function closeRedis(client: Redis, ms = 1000): Promise<void> {
  if (client.status !== 'ready') return endRedis(client);
  const ended = new Promise<void>((resolve) => void client.once('end', () => resolve()));
  const timer = setTimeout(() => void endRedis(client), ms);
  client.quit().catch(() => undefined); // it was lost meanwhile
  await ended;
  clearTimeout(timer);
}

/** Closes a connection at once: what was sent rejects. Resolves when its socket is closed. */
export function endRedis(client: Redis): Promise<void> {
  if (client.status === 'end') return Promise.resolve();
  const ended = new Promise<void>((resolve) => {
    client.once('end', () => {
      rejectUnsent(client);
      resolve();
    });
  });
  if (client.status === 'reconnecting') {
    // Between two attempts, disconnect() of ioredis ends nothing: its commands would never settle. So
    // the next attempt is the last.
    client.options.retryStrategy = () => null;
    client.once('connect', () => client.disconnect());
  } else client.disconnect();
  return ended;
}

/** Rejects what was to be sent again after a lost connection: ioredis forgets it when it is closed before that. */
function rejectUnsent(client: Redis): void {
  const { prevCommandQueue: unsent } = client as unknown as WithUnsent; // a private field of ioredis 5 and 6
  for (let item = unsent?.shift(); item !== undefined; item = unsent?.shift())
    item.command.reject(new Error('Connection is closed.')); // as it rejects the others
}

interface WithUnsent {
  readonly prevCommandQueue?: { shift(): { readonly command: { reject(error: Error): void } } | undefined } | null;
}

/** Where a Redis is, without user and password. */
export function describeRedis(redis: RedisOption): string {
  if (isClient(redis)) {
    const { path, host = 'localhost', port = 6379 } = redis.options as RedisOptions; // a client of ioredis
    return path ?? `${host}:${port}`;
  }
  if (typeof redis === 'string' && redis.startsWith('/')) return redis;
  const url = new URL(redis);
  return url.protocol === 'unix:' ? url.pathname : `${url.hostname}:${url.port === '' ? 6379 : url.port}`;
}

function isRedisUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, pathname } = new URL(text);
  return protocol === 'unix:' || (/^rediss?:$/.test(protocol) && /^(?:\/\d*)?$/.test(pathname));
}

function isClient(redis: RedisOption): redis is RedisClient {
  return typeof redis === 'object' && !(redis instanceof URL);
}

function optionsOf(redis: URL | string): ConnectOptions {
  if (typeof redis === 'string' && redis.startsWith('/')) return { path: redis };
  const url = new URL(redis);
  if (url.protocol === 'unix:') return { path: url.pathname };
  const db = url.pathname.slice(1);
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 6379 : Number(url.port),
    ...(url.username !== '' && { username: decodeURIComponent(url.username) }),
    ...(url.password !== '' && { password: decodeURIComponent(url.password) }),
    ...(db !== '' && { db: Number(db) }),
    ...(url.protocol === 'rediss:' && { tls: {} }),
  };
}

function delayOf(times: number): number {
  const longest = Math.min(LAST_DELAY, FIRST_DELAY * 2 ** Math.min(times, 10));
  return longest / 2 + (random() * longest) / 2;
}

/** What to do about what Redis refuses, by the first word of its answer. */
const ADVICE: Readonly<Record<string, string>> = {
  OOM: '; raise its maxmemory, or let it keep less',
  READONLY: '; connect to the primary, this is a replica',
  NOPERM: '; give its user the right',
  MISCONF: '; look at its log: it cannot write to its disk',
};

/**
 * Returns the error for who asked for what Redis has refused. The one of ioredis has the whole command in
 * it, with its script and the data of the program. Another error is returned as it is.
 * @param action for the message: "enqueue"
 */
export function refusedError(action: string, error: unknown): unknown {
  if (!isRefusal(error)) return error;
  const why = error.message.split(/ script: |\n/, 1)[0] ?? '';
  return new Error(`Cannot ${action}: Redis refuses it (${why})${ADVICE[why.split(' ', 1)[0] ?? ''] ?? ''}`);
}

/** True for an error that Redis has answered. */
function isRefusal(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

function noRedis(action: string, redis: RedisOption, cause: unknown, error: unknown): unknown {
  if (error instanceof Error && error.name === 'CancelledError') return error;
  const why = cause instanceof Error ? cause.message : String(cause);
  if (isRefusal(cause))
    return new ConnectionLostError(
      `Cannot ${action}: the Redis at ${describeRedis(redis)} refuses the connection (${why.split('\n')[0]}); write its user, password and database into the URL: redis://user:password@host:6379/0`,
      { cause },
    );
  return new ConnectionLostError(
    `Cannot ${action}: no Redis answers at ${describeRedis(redis)} (${why}); start redis-server there, or pass another address as redis`,
    { cause },
  );
}
