// One worker as the crew sees it: its leaf, its state, and the time that it has in each state.
//
// States: STARTING -(ready)-> READY -(drain)-> DRAINING -(gone)-> GONE
//   STARTING -(failed, readyTimeout, stop)-> ENDING -> GONE     the outcome is known in ENDING
//   READY -(no pulse for killTimeout)-> ENDING -> GONE
//   DRAINING -(grace and END_MARGIN are over)-> ENDING -> GONE
//   any -(the leaf says so)-> GONE
//
// - Only DRAINING has no bound when its grace is Infinity. STARTING has readyTimeout, READY has its
//   pulses, and ENDING has STUCK_AFTER: then the member counts as GONE, as `stuck`.
// - The deck sends it clients from `admit`, in the step in which it becomes READY, to `retire`, in the
//   step in which it leaves READY. Not while its pulse is late: others serve them sooner.
// - What the leaf says after GONE is ignored. So is what it says out of order: a leaf is a bridge to
//   another process.
// - `MemberEvents` are called in the step in which the state changes, after it has changed.
import { describeThrown } from '../base/index.ts';
import { callLater, type Handle, loopTime } from '../core/index.ts';
import type { ShutdownReport } from '../net/index.ts';
import type { ClientDeck } from './client-deck.ts';
import { type DrainOrder, type ListenRequest, PULSE_EVERY, type WorkerFailure } from './protocol.ts';
import type { ServeEvent } from './serve/serve-events.ts';
import type { LeafEvents, LeafMaker, WorkerLeaf } from './worker-leaf.ts';
import type { WorkerOutcome } from './workers-events.ts';

export type MemberState = 'starting' | 'ready' | 'draining' | 'ending' | 'gone';

/** How a worker ended. */
export interface MemberEnd {
  readonly outcome: WorkerOutcome;
  /** Why, unless it was told to end and did. */
  readonly error: Error | undefined;
  /** How many clients ended with it, unasked. */
  readonly clients: number;
  /** How its connections ended; undefined if it did not say. */
  readonly report: ShutdownReport | undefined;
}

/** How a start ended: `ready`, `failed` with why, or `stopped` because it was no longer wanted. */
export type StartOutcome =
  | { readonly kind: 'ready' | 'stopped' }
  | { readonly kind: 'failed'; readonly failure: WorkerFailure; readonly cause?: unknown };

/** Called by a member. None may throw. */
export interface MemberEvents {
  onReady(member: Member): void;
  /** It did not become ready. `onGone` follows. */
  onFailed(member: Member, failure: WorkerFailure): void;
  onDraining(member: Member): void;
  /** Its loop does not turn, and it is being killed. `onGone` follows. */
  onHung(member: Member, error: Error): void;
  /** Once, and last. */
  onGone(member: Member, end: MemberEnd): void;
  onServeEvent(member: Member, event: ServeEvent): void;
  onMessage(member: Member, type: string, body: unknown): void;
}

/** What all members of a crew share. */
export interface MemberParts {
  readonly maker: LeafMaker;
  readonly deck: ClientDeck;
  readonly events: MemberEvents;
  readonly readyTimeout: number;
  readonly killTimeout: number;
}

/** Milliseconds without a pulse after which a worker receives no clients for now. */
const SPARED_AFTER = 2.5 * PULSE_EVERY;
/**
 * Milliseconds after its grace that a worker has to end: its servers take up to two seconds to cancel
 * and abort, and the rest is for its exit on a busy machine.
 */
const END_MARGIN = 5000;
/** Milliseconds that a worker has to exit once its last client is gone. */
const EXIT_MARGIN = 3000;
/** Milliseconds after which a killed worker of which nothing is heard counts as gone. */
const STUCK_AFTER = 5000;

export class Member {
  readonly id: number;
  /** Where it stands: see place.ts. */
  readonly place: number;
  readonly generation: number;
  /** Why it was started, for people. */
  readonly reason: string;
  readonly #parts: MemberParts;
  /** Undefined if it could not be made. */
  readonly #leaf: WorkerLeaf | undefined;
  #state: MemberState = 'starting';
  /** When its state began, milliseconds of loopTime(). */
  since: number = loopTime();
  /** When it became ready; undefined before. */
  readyAt: number | undefined = undefined;
  /** Bytes, as its last pulse said. */
  memory = 0;
  /** When its loop was last known to turn. */
  #seenAt = 0;
  /** Its loop stands still, or it exits: it is ready, and receives no clients for now. */
  #isSpared = false;
  /** How its start ended. */
  readonly started: Promise<StartOutcome>;
  #startEnded!: (outcome: StartOutcome) => void;
  /** The bound of the present state. */
  #timer: Handle | undefined;
  /** Whether it asked to listen: for messages. */
  #asked = false;
  /** The last error of listening: the cause of a failure to start. */
  #listenError: unknown = undefined;
  /** When its grace ends, while it drains. */
  #drainUntil = Infinity;
  #report: ShutdownReport | undefined = undefined;
  /** With ENDING: how it ends, and why. */
  #ending: { readonly outcome: WorkerOutcome; readonly error: Error | undefined } | undefined = undefined;

  constructor(
    parts: MemberParts,
    { id, place, generation, reason }: Pick<Member, 'id' | 'place' | 'generation' | 'reason'>,
  ) {
    this.#parts = parts;
    this.id = id;
    this.place = place;
    this.generation = generation;
    this.reason = reason;
    this.started = new Promise((resolve) => {
      this.#startEnded = resolve;
    });
    this.#bound(parts.readyTimeout, () => this.#tooLate());
    let leaf: WorkerLeaf | undefined;
    try {
      leaf = parts.maker.make(id, this.#leafEvents(), place);
    } catch (error) {
      // In a later step, as everything else: whoever made the member does not have it yet.
      void Promise.resolve().then(() =>
        this.#failed({ step: 'load', message: `it could not be made: ${describeThrown(error)}` }),
      );
    }
    this.#leaf = leaf;
  }

  get state(): MemberState {
    return this.#state;
  }

  /** The pid, or `pid:thread`, for people. Empty if it could not be made. */
  get process(): string {
    return this.#leaf?.place ?? '';
  }

  /** How many clients it has. */
  get connections(): number {
    return this.#state === 'gone' ? 0 : this.#parts.deck.connections(this.id);
  }

  post(type: string, body: unknown): void {
    if (this.#state !== 'gone') this.#leaf?.post(type, body);
  }

  /**
   * Looks whether its loop turns. Call it from time to time. `slack`: milliseconds in which nobody here
   * could hear it.
   */
  listenFor(slack: number): void {
    if (this.#state !== 'ready' || this.#parts.killTimeout === Infinity) return;
    const now = loopTime();
    this.#seenAt = Math.min(now, this.#seenAt + slack);
    if (now - this.#seenAt >= this.#parts.killTimeout) this.#hang();
    else if (now - this.#seenAt >= SPARED_AFTER) this.#spare();
  }

  /** From now on others receive clients. */
  #spare(): void {
    if (this.#state !== 'ready' || this.#isSpared) return;
    this.#isSpared = true;
    this.#parts.deck.retire(this.id);
  }

  /**
   * Lets it end by itself: its clients have `order.grace` milliseconds. If it drains already, it can
   * only make the grace shorter. One that is not ready is ended at once.
   */
  drain(order: DrainOrder): void {
    if (this.#state === 'starting') return this.stop();
    if (this.#state !== 'ready' && this.#state !== 'draining') return;
    const until = loopTime() + order.grace;
    const isFirst = this.#state === 'ready';
    if (!isFirst && until >= this.#drainUntil) return;
    this.#drainUntil = until;
    if (isFirst) {
      this.#parts.deck.retire(this.id);
      this.#become('draining');
    }
    if (this.#report === undefined) this.#bound(order.grace + END_MARGIN, () => this.#end('killed', lateError(order)));
    this.#leaf?.drain(order);
    if (isFirst) this.#parts.events.onDraining(this);
  }

  /** Ends it, ready or not, with all its clients. Idempotent. */
  stop(why = 'it was no longer wanted'): void {
    this.#end('killed', new Error(why));
  }

  #hang(): void {
    const error = new Error(`its event loop has not turned for ${this.#parts.killTimeout} ms`);
    this.#end('hung', error, () => this.#parts.events.onHung(this, error));
  }

  // ---- what the leaf says --------------------------------------------------------------------------------------

  #leafEvents(): LeafEvents {
    const { deck, events } = this.#parts;
    /** Only while it is not gone. */
    const alive =
      <A extends unknown[]>(fn: (...args: A) => void) =>
      (...args: A): void => {
        if (this.#state !== 'gone') fn(...args);
      };
    return {
      onListen: alive((request) => void this.#listen(request)),
      onUnlisten: alive((key) => deck.unlisten(this.id, key)),
      onReady: alive(() => this.#ready()),
      onFailed: alive((failure) => this.#failed(failure)),
      onTook: (client) => deck.took(client),
      onLeft: (client) => deck.left(client),
      onEvent: alive((event) => events.onServeEvent(this, event)),
      onPulse: alive(({ memory }) => {
        this.memory = memory;
        this.#seenAt = loopTime();
        if (!this.#isSpared || this.#state !== 'ready') return;
        this.#isSpared = false;
        deck.admit(this.id);
      }),
      onEnds: alive(() => this.#spare()),
      onMessage: alive((type, body) => events.onMessage(this, type, body)),
      onDrained: alive((report) => this.#drained(report)),
      onGone: alive((error, clients) => this.#gone(error, clients)),
    };
  }

  async #listen(request: ListenRequest): Promise<void> {
    this.#asked = true;
    const leaf = this.#leaf;
    if (leaf === undefined) return;
    try {
      const addresses = await this.#parts.deck.open(this.id, leaf, request);
      // A server that came after it was ready.
      if (this.#state === 'ready' && !this.#isSpared) this.#parts.deck.admit(this.id);
      if (this.#state !== 'gone') leaf.listening(request.key, addresses);
    } catch (error) {
      this.#listenError = error;
      if (this.#state !== 'gone') leaf.refused(request.key, error as Error); // listening fails with Errors
    }
  }

  #ready(): void {
    if (this.#state !== 'starting') return;
    this.#timer?.cancel();
    this.#become('ready');
    this.readyAt = this.since;
    this.#seenAt = this.since;
    this.#parts.deck.admit(this.id);
    this.#parts.events.onReady(this);
    this.#startEnded({ kind: 'ready' });
  }

  #tooLate(): void {
    const { readyTimeout } = this.#parts;
    const what = this.#asked
      ? `it listens, and was not ready within ${readyTimeout} ms`
      : `it has not listened within ${readyTimeout} ms: it still loads, or has no default export and no server`;
    this.#failed({ step: this.#asked ? 'ready' : 'load', message: what });
  }

  #failed(failure: WorkerFailure): void {
    if (this.#state !== 'starting') return;
    this.#end('failed', new Error(failure.message), () => this.#parts.events.onFailed(this, failure));
    this.#startEnded({ kind: 'failed', failure, cause: failure.step === 'listen' ? this.#listenError : undefined });
  }

  #drained(report: ShutdownReport): void {
    if (this.#state !== 'draining') return;
    this.#report = report;
    this.#bound(EXIT_MARGIN, () => this.#end('drained', undefined)); // its clients had an orderly end
  }

  /** Kills it. `tell` is called before that. */
  #end(outcome: WorkerOutcome, error: Error | undefined, tell?: () => void): void {
    if (this.#state === 'ending' || this.#state === 'gone') return;
    if (this.#state === 'ready') this.#parts.deck.retire(this.id);
    const wasStarting = this.#state === 'starting';
    this.#ending = { outcome, error };
    this.#become('ending');
    this.#bound(STUCK_AFTER, () => {
      const stuck = new Error(`it was killed, and ${STUCK_AFTER} ms later it was still there`);
      this.#ending = { outcome: 'stuck', error: stuck };
      this.#gone(undefined, []);
    });
    tell?.();
    if (wasStarting && outcome === 'killed') this.#startEnded({ kind: 'stopped' });
    if (this.#leaf === undefined) void Promise.resolve().then(() => this.#gone(undefined, []));
    else this.#leaf.kill();
  }

  #gone(error: Error | undefined, clients: readonly number[]): void {
    if (this.#state === 'gone') return;
    const { deck, events } = this.#parts;
    if (this.#state === 'starting') {
      const step = this.#asked ? 'ready' : 'load';
      const why = error === undefined ? '' : ` (${error.message})`;
      const failure = { step, message: `it ended before it was ready${why}` } as const;
      this.#ending = { outcome: 'failed', error: new Error(failure.message) };
      this.#become('ending');
      events.onFailed(this, failure);
      this.#startEnded({ kind: 'failed', failure, cause: error });
    } else if (this.#state === 'ready') deck.retire(this.id);
    this.#timer?.cancel();
    const end = { ...this.#endOf(error), clients: deck.gone(this.id, clients), report: this.#report };
    this.#become('gone');
    events.onGone(this, end);
  }

  #endOf(error: Error | undefined): Pick<MemberEnd, 'outcome' | 'error'> {
    if (this.#ending !== undefined) return this.#ending;
    // It drained, or exited by itself after it was told to end.
    if (this.#state === 'draining' && (error === undefined || this.#report !== undefined))
      return { outcome: 'drained', error: undefined };
    return { outcome: 'crashed', error: error ?? new Error('it exited') };
  }

  #become(state: MemberState): void {
    this.#state = state;
    this.since = loopTime();
  }

  /** Calls `late` unless the state changes within `ms`. */
  #bound(ms: number, late: () => void): void {
    this.#timer?.cancel();
    this.#timer = callLater(ms, late);
  }
}

function lateError({ grace }: DrainOrder): Error {
  return new Error(`it had not ended ${END_MARGIN} ms after its grace of ${grace} ms`);
}
