// The feed: brings all viewers up to date, each at its own rate, from one picture.
//
// - The main thread is asked for a sample only while somebody looks, and for the next one not
//   before max(100 ms, 33 x the cost of the last one): looking takes at most 3 % of its time. The
//   first one has all names, which are never sent again, so the second one follows within a second.
// - Between samples that are far apart, and when a block begins or ends, frames come without one.
// - A viewer that has not taken its earlier frames gets none. Its next one has all changes since,
//   and says how many it missed. Nothing is queued for it.
// - While the main thread is blocked, no sample comes. Then frames say what this thread knows: the
//   block, and how long it lasts.
import { callLater, type Handle, loopTime } from '../../core/index.ts';
import type { Sample } from '../../introspect/index.ts';
import { type Frame, type SentFrame, thinned } from '../protocol/index.ts';
import { Picture } from '../picture.ts';
import { Viewer } from '../viewer.ts';
import { RequestError } from './request-error.ts';
import type { Strip } from './strip.ts';

/** The shortest time between two samples, in milliseconds, and the share of time that they may take. */
const SHORTEST = 100;
const SHARE = 33;
/** How long a sample may take before viewers receive frames without one, in milliseconds. */
const LATE = 100;
/** The longest time between two frames, and after the first sample of a stream, in milliseconds. */
const KEEP_UP = 1000;
/** Frames a second. */
const MOST_RATE = 10;
/** The most subscriptions, and the most tables of interest of one. */
const MOST_SUBSCRIPTIONS = 32;
const MOST_INTEREST = 20_000;

/** Where frames go. */
export interface Sink {
  /** Sends what `make` returns. Returns false, without calling it, if earlier frames were not taken. */
  offer(make: () => SentFrame): boolean;
}

/** What a frame says besides what is in the picture. */
export type Surroundings = Pick<Frame, 'fresh' | 'sentence' | 'block' | 'numbers' | 'outside' | 'rooms'>;

/** What the feed needs. */
export interface FeedSources {
  /** Asks the main thread for a sample, which comes by `take`. @param fresh begins a new stream */
  ask(fresh: boolean): void;
  /** Called when nobody looks any more. */
  lookAway(): void;
  surroundings(picture: Picture): Surroundings;
  readonly strip: Strip;
  /** The time on the loop's clock of the process. */
  now(): number;
  /** 0 <= x < 1 */
  random(): number;
}

/** What a viewer wants. */
export interface Wishes {
  readonly rate?: number | undefined;
  readonly tables?: readonly number[] | null | undefined;
}

interface Subscription {
  readonly owner: object;
  readonly sink: Sink;
  readonly viewer: Viewer;
  /** Milliseconds between two frames. */
  every: number;
  sentAt: number;
  seq: number;
  dropped: number;
  /** Points of the strip that were sent. */
  points: number;
  /** The frame that was sent last; undefined before the first. */
  last: Frame | undefined;
}

export class Feed {
  readonly #sources: FeedSources;
  readonly #picture = new Picture();
  readonly #subscriptions = new Map<number, Subscription>();
  #lastId = 0;
  /** When the sample was asked for that has not come yet; undefined for none. */
  #askedAt: number | undefined;
  /** When the last sample was asked for. */
  #lastAskedAt = -Infinity;
  /** When frames were last sent. */
  #sentAt = -Infinity;
  /** Whether the picture is that of the first sample of its stream. */
  #isFirst = false;
  /** True until the first sample of those who look now was asked for. */
  #isNew = true;
  /** The next sample, or the next look whether it is late. */
  #timer: Handle | undefined;

  constructor(sources: FeedSources) {
    this.#sources = sources;
  }

  /** The number of viewers. */
  get size(): number {
    return this.#subscriptions.size;
  }

  /**
   * Adds a viewer, and returns the number of its subscription.
   * @param owner who may change and end it
   * @throws RequestError
   */
  add(owner: object, sink: Sink, wishes: Wishes): number {
    if (this.#subscriptions.size >= MOST_SUBSCRIPTIONS)
      throw new RequestError('NOT_AVAILABLE', `there are ${MOST_SUBSCRIPTIONS} subscriptions, the most there may be`);
    const viewer = new Viewer(() => this.#sources.random());
    const subscription: Subscription = {
      owner,
      sink,
      viewer,
      every: 0,
      sentAt: -Infinity,
      seq: 0,
      dropped: 0,
      points: 0,
      last: undefined,
    };
    wish(subscription, { rate: MOST_RATE, ...wishes });
    this.#subscriptions.set(++this.#lastId, subscription);
    this.#plan();
    return this.#lastId;
  }

  /** Changes what a viewer wants. @throws RequestError */
  change(owner: object, id: unknown, wishes: Wishes): void {
    wish(this.#of(owner, id), wishes);
    this.#plan();
  }

  /** Ends a subscription. @throws RequestError if it is not one of the owner */
  end(owner: object, id: unknown): void {
    this.#of(owner, id);
    this.#subscriptions.delete(id as number); // it was found
    if (this.#subscriptions.size === 0) this.#stop();
  }

  /** Ends all subscriptions of an owner. */
  endAll(owner: object): void {
    for (const [id, subscription] of this.#subscriptions)
      if (subscription.owner === owner) this.#subscriptions.delete(id);
    if (this.#subscriptions.size === 0) this.#stop();
  }

  /** Takes a sample that was asked for. */
  take(sample: Sample): void {
    this.#askedAt = undefined;
    if (this.#subscriptions.size === 0) return;
    // While it is new, only a fresh one counts: others are of those who looked before.
    if (!this.#isNew || sample.fresh) {
      this.#picture.apply(sample);
      this.#isNew = false;
      this.#isFirst = sample.fresh;
      this.#send(true);
    }
    this.#plan();
  }

  /** Sends frames of what this thread knows by now, such as that a block has begun. */
  hurry(): void {
    if (this.#picture.stream === 0) return;
    for (const subscription of this.#subscriptions.values()) subscription.sentAt = -Infinity;
    this.#send(false);
  }

  [Symbol.dispose](): void {
    this.#subscriptions.clear();
    this.#timer?.cancel();
  }

  /** Milliseconds between two samples. */
  get #every(): number {
    const fastest = Math.min(...Array.from(this.#subscriptions.values(), ({ every }) => every));
    const share = SHARE * this.#picture.cost;
    return Math.max(SHORTEST, fastest, this.#isFirst ? Math.min(share, KEEP_UP) : share);
  }

  #of(owner: object, id: unknown): Subscription {
    const subscription = this.#subscriptions.get(id as number); // anything else is not found
    if (subscription === undefined || subscription.owner !== owner)
      throw new RequestError('NOT_FOUND', `there is no subscription ${JSON.stringify(id)} of this viewer`);
    return subscription;
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#isNew = true;
    this.#sources.lookAway();
  }

  /** Sets the timer for what comes next. */
  #plan(): void {
    this.#timer?.cancel();
    if (this.#subscriptions.size === 0) return;
    const next = this.#lastAskedAt + this.#every;
    const wait = this.#askedAt === undefined ? Math.min(next, this.#sentAt + KEEP_UP) - loopTime() : LATE;
    this.#timer = callLater(Math.max(0, wait), () => this.#next());
  }

  #next(): void {
    if (this.#askedAt === undefined && loopTime() >= this.#lastAskedAt + this.#every) {
      this.#askedAt = this.#lastAskedAt = loopTime();
      this.#sources.ask(this.#isNew);
    } else this.#send(false);
    this.#plan();
  }

  /** Sends a frame to all whose time has come. @param sampled whether the picture is of this moment */
  #send(sampled: boolean): void {
    const now = loopTime();
    this.#sentAt = now;
    const due = [...this.#subscriptions.values()].filter(({ sentAt, every }) => now - sentAt >= every * 0.9);
    if (due.length === 0) return;
    const around = this.#sources.surroundings(this.#picture);
    for (const subscription of due) {
      subscription.sentAt = now;
      if (!subscription.sink.offer(() => this.#frame(subscription, around, now, sampled))) subscription.dropped++;
    }
  }

  #frame(subscription: Subscription, around: Surroundings, now: number, sampled: boolean): SentFrame {
    const { strip } = this.#sources;
    const points = strip.after(subscription.points);
    subscription.points = strip.count;
    const picture = this.#picture;
    const frame: Frame = {
      seq: ++subscription.seq,
      now: Math.round((sampled ? picture.now : this.#sources.now()) * 100) / 100,
      dropped: subscription.dropped,
      ...around,
      ...subscription.viewer.next(picture, now),
      ...(picture.holders.length > 0 && { holders: picture.holders }),
      kitchens: picture.kitchens,
      strip: points,
      cost: { ms: Math.round(picture.cost * 100) / 100, every: Math.round(this.#every) },
    };
    const sent = thinned(frame, subscription.last);
    subscription.last = frame;
    return sent;
  }
}

/** Sets what a viewer wants, as far as it is in `wishes`. @throws RequestError */
function wish(subscription: Subscription, { rate, tables }: Wishes): void {
  if (rate !== undefined) {
    if (typeof rate !== 'number' || !(rate > 0)) throw new RequestError('BAD_REQUEST', 'rate must be a number above 0');
    subscription.every = 1000 / Math.min(rate, MOST_RATE);
  }
  if (tables === undefined) return;
  if (tables !== null && !(Array.isArray(tables) && tables.length <= MOST_INTEREST))
    throw new RequestError('BAD_REQUEST', `tables must be null or a list of at most ${MOST_INTEREST} ids`);
  subscription.viewer.interest = tables === null ? undefined : new Set(tables);
}
