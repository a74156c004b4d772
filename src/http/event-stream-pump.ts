// The task behind one stream of events: it takes an event from the source when the client reads, and
// never before.
//
// States: NEW -(first pull)-> RUNNING -(the source ends or throws, the client leaves, a shutdown)->
// ENDED. A NEW stream that is cancelled goes to ENDED, and its source is released without a task.
//
// - `#wanted` is true from a pull of the stream until something is enqueued. The queue of the stream
//   holds nothing ahead (its mark is 0), so a slow client stops its source. A heartbeat is sent only
//   while wanted: it never queues up either.
// - The source runs in the task, so a cancel ends what it waits for. `return()` of the source is
//   called once, unless it ended or threw by itself. A cancel in `next()` is not such an end: an
//   iterator that is no generator would stay open.
// - The response ends before the source has cleaned up, which may take time.
import { describe } from '../base/index.ts';
import {
  beginWait,
  callLater,
  cancellable,
  CancelledError,
  type Handle,
  host,
  Line,
  loopTime,
  QueuedWait,
  reportException,
  Resource,
  spawn,
  type Task,
} from '../core/index.ts';
import type { EndOrder } from '../net/index.ts';
import { formatEvent, HEARTBEAT, type ServerSentEvent } from './event-stream-frames.ts';

/** What a stream of events is made of. */
export interface EventStreamParts {
  /** Returns the source. Called once. */
  readonly open: () => AsyncIterable<ServerSentEvent | string>;
  /** Whether the source exists already, and must be released even if nobody reads. */
  readonly isOpen: boolean;
  /** Milliseconds. */
  readonly heartbeat: number;
  /** The first text. */
  readonly start: string;
  /** The name of the task. */
  readonly taskName: string;
  readonly parent: Resource | undefined;
}

/** One stream of events: see the head of this file. */
export class EventStream extends Resource {
  readonly #parts: EventStreamParts;
  readonly #inContext: <R>(fn: () => R) => R = host.captureContext();
  readonly #line = new Line<void>();
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined = undefined;
  #task: Task<unknown> | undefined = undefined;
  #wanted = false;
  /** The response has ended. */
  #ended = false;
  /** The source has ended or thrown, and needs no `return()`. */
  #isDry = false;
  /** When something was last enqueued, on the loop's clock. */
  #sentAt = 0;
  #timer: Handle | undefined = undefined;
  #events = 0;
  #bytes = 0;
  readonly #undos: Disposable[] = [];

  constructor(parts: EventStreamParts) {
    super();
    this.#parts = parts;
  }

  get kind(): 'event stream' {
    return 'event stream';
  }

  protected override get hasEnd(): true {
    return true;
  }

  override get parent(): Resource | undefined {
    return this.#parts.parent;
  }

  override get task(): Task<unknown> | undefined {
    return this.#task;
  }

  statistics(): { readonly events: number; readonly bytes: number; readonly wanted: boolean } {
    return { events: this.#events, bytes: this.#bytes, wanted: this.#wanted };
  }

  /** Disposes `undo` when the response has ended, or at once if it has. */
  atEnd(undo: Disposable): void {
    if (this.#ended) undo[Symbol.dispose]();
    else this.#undos.push(undo);
  }

  /** Called by the stream when a read waits. */
  pull(controller: ReadableStreamDefaultController<Uint8Array>): void {
    if (this.#ended) return controller.close(); // a shutdown came before the first read
    this.#wanted = true;
    if (this.#controller !== undefined) return void this.#line.answerFirst();
    this.#controller = controller;
    this.markOpened();
    this.#enqueue(this.#parts.start);
    // In the context of who made it, whoever reads.
    this.#task = this.#inContext(() => spawn<unknown>(() => this.#run(), { name: this.#parts.taskName }));
    this.#task.markHandled();
    this.#task.addDoneCallback(() => this.#end()); // it may be cancelled before its first step
    this.#beat();
  }

  /** Called by the stream when nobody reads any more. */
  cancel(): void {
    this.#stop('Cancelled: the client left the stream of events', { kind: 'task', by: this });
  }

  /** The server ends: ends the response, and then the source. */
  shutDown({ message, reason }: EndOrder): void {
    this.#stop(message, reason);
  }

  #stop(message: string, reason: CancelledError['reason']): void {
    if (this.#task !== undefined) this.#task.cancelFor(message, reason);
    else if (!this.#ended && this.#parts.isOpen) {
      this.#inContext(() => void this.#release(this.#parts.open()[Symbol.asyncIterator]()));
    }
    this.#end();
  }

  async #run(): Promise<void> {
    let iterator: AsyncIterator<ServerSentEvent | string> | undefined;
    try {
      iterator = this.#open();
      for (;;) {
        await this.#untilWanted();
        const event = await cancellable(this.#next(iterator));
        if (this.#isDry) break;
        this.#enqueue(formatEvent(event));
        this.#events++;
      }
    } catch (error) {
      if (error instanceof CancelledError) throw error;
      this.#end({ error });
    } finally {
      this.#end();
      if (iterator !== undefined && !this.#isDry) await this.#release(iterator);
    }
  }

  #open(): AsyncIterator<ServerSentEvent | string> {
    const source = this.#parts.open();
    const iterator = source?.[Symbol.asyncIterator]?.();
    if (iterator !== undefined) return iterator;
    throw new TypeError(`Cannot send events: the source must be an async iterable, got ${describe(source)}`);
  }

  /** Takes one event, and notes when the source is dry. A cancel only ends a wait in it. */
  async #next(iterator: AsyncIterator<ServerSentEvent | string>): Promise<unknown> {
    try {
      const { done, value } = await iterator.next();
      this.#isDry = done === true;
      return value;
    } catch (error) {
      this.#isDry = !(error instanceof CancelledError);
      throw error;
    }
  }

  async #release(iterator: AsyncIterator<unknown>): Promise<void> {
    try {
      await iterator.return?.();
    } catch (error) {
      if (error instanceof CancelledError) return;
      reportException({ message: `The source of ${this.label} failed in its clean-up`, error });
    }
  }

  #untilWanted(): Promise<void> {
    const refused = beginWait();
    if (refused !== undefined) return refused;
    return this.#wanted ? Promise.resolve() : this.#line.join(new QueuedWait<void>('events.send', this));
  }

  #enqueue(text: string): void {
    if (this.#ended) return;
    const bytes = Buffer.from(text);
    this.#wanted = false;
    this.#bytes += bytes.length;
    this.#sentAt = loopTime();
    this.#controller?.enqueue(bytes);
  }

  #beat(): void {
    const { heartbeat } = this.#parts;
    if (heartbeat === Infinity || this.#ended) return;
    this.#timer = callLater(Math.max(1, this.#sentAt + heartbeat - loopTime()), () => {
      const isQuiet = loopTime() - this.#sentAt >= heartbeat;
      if (isQuiet && this.#wanted) this.#enqueue(HEARTBEAT);
      else if (isQuiet) this.#sentAt = loopTime(); // the client reads nothing: look again later
      this.#beat();
    });
  }

  /** Ends the response: well, or with an error, which destroys it. Idempotent. */
  #end(failure?: { readonly error: unknown }): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer?.cancel();
    try {
      if (failure === undefined) this.#controller?.close();
      else this.#controller?.error(failure.error);
    } catch {
      // The stream was cancelled, which closed it.
    }
    this.markClosed();
    for (const undo of this.#undos.splice(0)) undo[Symbol.dispose]();
  }
}
