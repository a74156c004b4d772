// ExecutorLink: how one executor reaches Redis: a QueueLink that is opened once, when it is first needed,
// and a bound for every wait while Redis is away.
//
// States: UNOPENED -(connect)-> OPENING -> OPEN, or UNOPENED again if it failed: the next call tries
// again. OPEN is ONLINE or OFFLINE. From any of them -(close)-> CLOSED.
//
// ioredis keeps a command for as long as Redis is away; a caller does not wait for as long. While
// OFFLINE, whatever is open is given up every `offlineTimeout` milliseconds: there are calls that come
// while Redis is away.
import { callLater, cancellable, type Handle, InvalidStateError, spawn, type WaitOptions } from '../core/index.ts';
import { LOCAL_REDIS, type RedisOption, refusedError } from './connect.ts';
import type { OpenJobs } from './open-jobs.ts';
import { QueueLink, unansweredError } from './queue-link.ts';
import type { Control, RedisNames } from './remote-protocol.ts';

const OFFLINE_TIMEOUT = 60_000;

/** What an executor asks Redis beside its jobs. */
interface Question {
  readonly action: string;
  readonly reject: (error: Error) => void;
}

interface LinkOptions {
  readonly redis?: RedisOption | undefined;
  readonly offlineTimeout?: number | undefined;
}

export class ExecutorLink {
  readonly #names: RedisNames;
  readonly #jobs: OpenJobs;
  readonly #redis: RedisOption;
  readonly #offlineTimeout: number;
  readonly #onOpen: () => void;
  readonly #questions = new Set<Question>();
  /** Ends the connections that are being opened. */
  readonly #closing = new AbortController();
  /** Undefined while UNOPENED. */
  #opening: Promise<QueueLink> | undefined = undefined;
  /** Undefined before OPEN. */
  #opened: QueueLink | undefined = undefined;
  /** While OFFLINE: when what is open is given up. */
  #offline: Handle | undefined = undefined;

  constructor(names: RedisNames, jobs: OpenJobs, options: LinkOptions, onOpen: () => void) {
    this.#names = names;
    this.#jobs = jobs;
    this.#redis = options.redis ?? LOCAL_REDIS;
    this.#offlineTimeout = options.offlineTimeout ?? OFFLINE_TIMEOUT;
    this.#onOpen = onOpen;
  }

  /** The link, if it is OPEN. */
  get opened(): QueueLink | undefined {
    return this.#opened;
  }

  /** Sends a worker a message, which may be lost. */
  publish(control: Control): void {
    this.#opened?.publish(control);
  }

  /**
   * Asks Redis for a caller. Cancellable.
   * @param action for messages: "enqueue"
   * @throws ConnectionLostError if there is no Redis, or it is away for `offlineTimeout`
   */
  async ask<T>(
    action: string,
    options: WaitOptions | undefined,
    question: (link: QueueLink) => Promise<T>,
  ): Promise<T> {
    const link = await cancellable(this.connect(), options);
    if (this.#closing.signal.aborted) throw closedError(action);
    const answer = question(link);
    return cancellable(
      new Promise((resolve, reject) => {
        const open: Question = { action, reject };
        this.#questions.add(open);
        const fail = (error: unknown): void => reject(refusedError(action, error));
        answer.then(resolve, fail).finally(() => this.#questions.delete(open));
      }),
      options,
    );
  }

  /** The link, which is opened once. After a failure, the next call tries again. */
  connect(): Promise<QueueLink> {
    // In a task of its own, and by a plain promise: the cancel of the call that needs it first must not
    // reach the others.
    this.#opening ??= new Promise<QueueLink>((resolve, reject) => {
      const open = async (): Promise<void> => {
        try {
          resolve(await this.#open());
        } catch (error) {
          this.#opening = undefined;
          reject(error);
        }
      };
      spawn(open, { name: 'connect executor' });
    });
    return this.#opening;
  }

  /** Closes the connections, also those that are just being opened. */
  async close(): Promise<void> {
    const opening = this.#opening;
    this.#closing.abort();
    for (const { action, reject } of this.#questions) reject(closedError(action));
    this.#online();
    const opened = await opening?.catch(() => undefined); // those who wait for the link learn why there is none
    await opened?.close();
  }

  async #open(): Promise<QueueLink> {
    const on = {
      onEvent: (event: Parameters<OpenJobs['onEvent']>[0]) => this.#jobs.onEvent(event),
      onLost: () => {
        this.#offline ??= callLater(this.#offlineTimeout, () => this.#giveUp());
      },
      onBack: () => {
        this.#online();
        void this.#jobs.lookAll();
      },
    };
    const silence = Math.min(10_000, Math.max(200, this.#offlineTimeout / 2));
    const opened = await QueueLink.open(this.#redis, this.#names, on, { silence, signal: this.#closing.signal });
    this.#opened = opened;
    this.#jobs.use(opened);
    this.#onOpen();
    return opened;
  }

  #giveUp(): void {
    const ms = this.#offlineTimeout;
    this.#offline = callLater(ms, () => this.#giveUp());
    this.#jobs.failAll(ms);
    for (const { action, reject } of this.#questions) reject(unansweredError(action, ms));
  }

  #online(): void {
    this.#offline?.cancel();
    this.#offline = undefined;
  }
}

function closedError(action: string): InvalidStateError {
  return new InvalidStateError(`Cannot ${action}: the executor was closed meanwhile`);
}
