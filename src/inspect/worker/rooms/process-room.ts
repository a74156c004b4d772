// A room that is a process: its inspector is asked over the control socket that it listens on.
//
// States: CONNECTING -(it listens)-> CONNECTED -(the connection ends)-> CONNECTING; CLOSED at the end.
// Requests wait while it connects, each for as long as it may take.

import type { RoomPlace } from '../../../hosts/node/index.ts';
import { CancelledError, createTask, sleep, type Task } from '../../../core/index.ts';
import { openConnection } from '../../../net/index.ts';
import { jsonLines, type StreamWriter, writeJsonLine } from '../../../streams/index.ts';
import type { RequestErrorCode } from '../../protocol/index.ts';
import { within } from '../main-thread.ts';
import { RequestError } from '../request-error.ts';
import { type PackedSample, unpackSample } from './packed-sample.ts';
import type { AllMethods, Room } from './room.ts';

/** Milliseconds between two attempts to connect: a process takes a while to start. */
const AGAIN = 50;
/** Bytes of one answer. */
const LONGEST = 128 * 1024 * 1024;

interface Answer {
  readonly id?: unknown;
  readonly result?: object;
  readonly error?: { readonly code: RequestErrorCode; readonly message: string };
}

export class ProcessRoom implements Room {
  readonly at: RoomPlace;
  readonly thread: undefined = undefined;
  readonly #path: string;
  readonly #open = new Map<number, (answer: Answer | undefined) => void>();
  #lastId = 0;
  /** Undefined while it connects. */
  #writer: StreamWriter | undefined;
  #connected: Promise<void>;
  #tellConnected: () => void = () => undefined;
  readonly #task: Task<void>;

  constructor(at: RoomPlace, path: string) {
    this.at = at;
    this.#path = path;
    this.#connected = this.#nextConnection();
    this.#task = createTask(() => this.#connect());
  }

  async request<M extends keyof AllMethods>(
    method: M,
    params: AllMethods[M]['params'],
    ms: number,
  ): Promise<AllMethods[M]['result']> {
    const answer = await within(ms, this.#ask(method, params));
    if (answer === undefined) throw new RequestError('NOT_AVAILABLE', 'it does not answer');
    if (answer.error !== undefined) throw new RequestError(answer.error.code, answer.error.message);
    const result = answer.result as AllMethods[M]['result']; // the protocol's promise for this method
    return method === 'sample' ? (unpackedSample(result) as AllMethods[M]['result']) : result; // of that method
  }

  close(): void {
    this.#task.cancel();
    this.#lose();
  }

  async #ask(method: string, params: object): Promise<Answer | undefined> {
    await this.#connected;
    const writer = this.#writer;
    if (writer === undefined) return undefined; // it was lost in between
    const id = ++this.#lastId;
    const answer = new Promise<Answer | undefined>((resolve) => this.#open.set(id, resolve));
    writeJsonLine(writer, { id, method, params });
    return answer;
  }

  /** Connects, and reads answers, until it is cancelled. */
  async #connect(): Promise<void> {
    for (;;) {
      try {
        await using connection = await openConnection({ path: this.#path, limit: LONGEST });
        this.#writer = connection.writer;
        this.#tellConnected();
        for await (const answer of jsonLines(connection.reader)) this.#answered(answer as Answer); // the protocol says so
      } catch (error) {
        if (error instanceof CancelledError) throw error;
        // It does not listen yet, or any more.
      }
      this.#lose();
      await sleep(AGAIN);
    }
  }

  #answered(answer: Answer): void {
    const resolve = this.#open.get(answer.id as number); // anything else is not found
    this.#open.delete(answer.id as number);
    resolve?.(answer);
  }

  /** Nobody answers what was asked. */
  #lose(): void {
    if (this.#writer !== undefined) this.#connected = this.#nextConnection();
    this.#writer = undefined;
    for (const resolve of this.#open.values()) resolve(undefined);
    this.#open.clear();
  }

  #nextConnection(): Promise<void> {
    return new Promise((resolve) => (this.#tellConnected = resolve));
  }
}

function unpackedSample(result: unknown): object {
  const { sample } = result as { readonly sample: PackedSample }; // what a room of another process sends
  return { sample: unpackSample(sample) };
}
