// A thread of the program, as the inspector's thread asks it: by message while it lives, and by an
// interrupt while it is blocked (reach.ts).
//
// - A live thread is never interrupted: an interrupt runs between any two operations of anybody's
//   code. Not to answer within 40 ms is no proof; a heart that does not beat is.
// - In native code, the interrupt comes when it returns. Such a question is left open, and the next
//   ones wait for it rather than pile up.
import { clearTimeout, setTimeout } from 'node:timers';
import { RequestError } from './request-error.ts';
import type { Answered, FromWorker, Pulse, Questions } from '../crossing.ts';
import type { Reach } from './reach.ts';

/** How long a message may take before the heart is looked at, in milliseconds. */
const PATIENCE = 40;
/** How long an interrupt may take before the main thread counts as out of reach, in milliseconds. */
const NATIVE_PATIENCE = 150;
/** How long a main thread that lives may take, in milliseconds. */
const GIVE_UP = 5000;

/** An answer, and how it came. */
export type Reply<Q extends keyof Questions> = Answered<Q> & { readonly how: 'asked' | 'interrupted' };

/** @throws RequestError if the main thread refused */
export function answerOf<Q extends keyof Questions>(answered: Answered<Q>): Questions[Q]['answer'] {
  if ('error' in answered) throw new RequestError(answered.error.code, answered.error.message);
  return answered.answer;
}

/** The questions that change something: the main thread answers them in a turn of its own, or not at all. */
const CHANGING: ReadonlySet<keyof Questions> = new Set(['cancel', 'detail'] as const);

/** What it needs. */
export interface ThreadSources {
  readonly pulse: Pulse;
  readonly post: (message: FromWorker) => void;
  readonly reach: Reach;
}

export class MainThread {
  readonly #pulse: Pulse;
  readonly #post: (message: FromWorker) => void;
  readonly #reach: Reach;
  /** The questions that were sent, by number. */
  readonly #open = new Map<number, (text: string) => void>();
  #lastId = 0;
  /** The question that is evaluated; undefined for none. */
  #evaluating: Promise<string | undefined> | undefined;

  constructor({ pulse, post, reach }: ThreadSources) {
    this.#pulse = pulse;
    this.#post = post;
    this.#reach = reach;
  }

  /** Why it cannot be looked into while it is blocked; undefined if it can. */
  get obstacle(): string | undefined {
    return this.#reach.obstacle;
  }

  /** Why it does not answer while it is blocked, in words. */
  get silence(): string {
    return this.obstacle === undefined
      ? `${this.#reach.name} does not answer: it runs native code, or the system does not run it`
      : `${this.#reach.name} does not answer, and this runtime cannot be looked into`;
  }

  /** Takes an answer that came by message. */
  answered(id: number, text: string): void {
    this.#open.get(id)?.(text);
  }

  /**
   * Asks. Undefined if it does not answer: it is blocked and cannot be interrupted, by nature of the
   * runtime or because native code runs.
   * @param isBlocked whether it is known to be blocked: then it is interrupted at once
   */
  async ask<Q extends keyof Questions>(
    ask: Q,
    params: Questions[Q]['params'],
    isBlocked: boolean,
  ): Promise<Reply<Q> | undefined> {
    const text = JSON.stringify({ ask, params });
    if (isBlocked) return this.#interrupt(text);
    const id = ++this.#lastId;
    const answer = new Promise<string>((resolve) => this.#open.set(id, resolve));
    try {
      this.#post({ type: 'question', id, text });
      const { beats } = this.#pulse;
      const first = await within(PATIENCE, answer);
      if (first !== undefined) return parse(first, 'asked');
      if (this.#pulse.beats === beats && !CHANGING.has(ask)) {
        const asked = answer.then((late) => parse<Q>(late, 'asked'));
        const canInterrupt = this.obstacle === undefined;
        const other = await (canInterrupt
          ? Promise.race([this.#interrupt<Q>(text), asked])
          : within(NATIVE_PATIENCE, asked));
        if (other !== undefined) return other;
        if (this.#pulse.beats === beats) return undefined;
      }
      const late = await within(GIVE_UP, answer);
      return late === undefined ? undefined : parse(late, 'asked');
    } finally {
      this.#open.delete(id);
    }
  }

  /** Asks a blocked main thread. Undefined if the interrupt does not come soon. */
  async #interrupt<Q extends keyof Questions>(text: string): Promise<Reply<Q> | undefined> {
    const answer = await within(NATIVE_PATIENCE, this.interrupt(text));
    return answer === undefined ? undefined : parse(answer, 'interrupted');
  }

  /**
   * Asks a blocked main thread, and waits until the interrupt comes, however long that takes.
   * Undefined where the runtime has no interrupts.
   */
  async interrupt(text: string): Promise<string | undefined> {
    while (this.#evaluating !== undefined) await this.#evaluating;
    this.#evaluating = this.#reach.evaluate(`globalThis[Symbol.for('maitre.inspect')]?.(${JSON.stringify(text)})`);
    try {
      return await this.#evaluating;
    } finally {
      this.#evaluating = undefined;
    }
  }

  /** Tries whether this runtime has interrupts: then `obstacle` is known. */
  async tryInterrupt(): Promise<void> {
    await within(GIVE_UP, this.#reach.evaluate("''"));
  }
}

/** Resolves as `promise`, or to undefined after `ms` milliseconds. */
export function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), ms)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function parse<Q extends keyof Questions>(text: string, how: 'asked' | 'interrupted'): Reply<Q> {
  return { ...(JSON.parse(text) as Answered<Q>), how }; // the main thread follows the protocol
}
