// CapacityLimiter: a semaphore that knows who has borrowed, and whose total can change. Semantics: trio.CapacityLimiter.
//
// Always holds: a borrower is in #borrowed from the moment its permit was given, also before its task has gone on; waiters
// exist only while borrowed >= total (borrowed may exceed a total that was lowered).
import { type Check, integer } from '../base/index.ts';
import {
  beginWait,
  InvalidStateError,
  Line,
  loopTime,
  mayAnswer,
  QueuedWait,
  Resource,
  type ResourceOptions,
  type Task,
  type WaitOptions,
  waiterOf,
} from '../core/index.ts';

export interface BorrowOptions extends WaitOptions {
  /** On whose behalf; default the current task. An object borrows at most one permit at a time. */
  readonly borrower?: object | undefined;
}

export interface Borrowing {
  /** The task or object that borrows; undefined when it was asked for outside of tasks. */
  readonly borrower: object | undefined;
  /** For how long, milliseconds. */
  readonly heldFor: number;
}

export interface CapacityStatistics {
  readonly total: number;
  readonly borrowed: number;
  readonly borrowings: readonly Borrowing[];
  readonly waiting: number;
}

const capacity: Check = integer(0, Infinity);

class Permit implements Disposable {
  readonly #limiter: CapacityLimiter;
  readonly borrower: object | undefined;
  readonly since: number = loopTime();

  constructor(limiter: CapacityLimiter, borrower: object | undefined) {
    this.#limiter = limiter;
    this.borrower = borrower;
  }

  [Symbol.dispose](): void {
    giveBack(this.#limiter, this);
  }
}

class CapacityWait extends QueuedWait<Permit> {
  readonly borrower: object | undefined;

  constructor(limiter: CapacityLimiter, borrower: object | undefined, options: WaitOptions | undefined) {
    super('limiter.acquire', limiter, options);
    this.borrower = borrower;
  }

  protected override withdraw(answered: boolean, permit: Permit): void {
    if (answered) permit[Symbol.dispose]();
    else super.withdraw(answered, permit);
  }
}

let giveBack: (limiter: CapacityLimiter, permit: Permit) => void; // set by the class

/**
 * At most `total` borrowers at a time, adjustable while it is in use: for worker pools, connections, rates of work.
 * trio, AnyIO: `CapacityLimiter`.
 *
 * @example
 * ```ts
 * import { CapacityLimiter } from 'maitre';
 * const limiter = new CapacityLimiter(10);
 * {
 *   using _ = await limiter.acquire();
 *   console.log(limiter.borrowed); // 1
 * }
 * limiter.total = 20;
 * ```
 */
export class CapacityLimiter extends Resource {
  #total: number;
  readonly #permits = new Set<Permit>();
  readonly #borrowers = new Map<object, Permit>();
  readonly #line = new Line<Permit, CapacityWait>();

  static {
    giveBack = (limiter, permit): void => {
      if (!limiter.#permits.delete(permit)) return; // given back already
      if (permit.borrower !== undefined) limiter.#borrowers.delete(permit.borrower);
      limiter.setHeld(limiter.#permits.size > 0);
      limiter.#grant();
    };
  }

  /** @param total an integer >= 0, or Infinity */
  constructor(total: number, options?: ResourceOptions) {
    super(options);
    this.#total = checkTotal(total);
  }

  get kind(): 'capacity limiter' {
    return 'capacity limiter';
  }

  get total(): number {
    return this.#total;
  }

  /** Raising it wakes waiters; lowering it takes nothing away from those who have borrowed. */
  set total(total: number) {
    this.#total = checkTotal(total);
    this.#grant();
  }

  /** How many permits are out. */
  get borrowed(): number {
    return this.#permits.size;
  }

  /**
   * Waits for a permit and borrows it. The result returns it when it is disposed, once. Cancellable.
   * @throws InvalidStateError when the borrower has one already: with a full limiter it would wait for itself
   */
  acquire(options?: BorrowOptions): Promise<Disposable> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    const borrower = options?.borrower ?? waiterOf(options);
    const held = borrower === undefined ? undefined : this.#borrowers.get(borrower);
    if (held !== undefined) return Promise.reject(alreadyBorrowed(held));
    if (this.#permits.size >= this.#total) return this.#line.join(new CapacityWait(this, borrower, options));
    const permit = this.#borrow(borrower);
    if (mayAnswer(options)) return Promise.resolve(permit);
    const wait = new CapacityWait(this, borrower, options);
    wait.answer(permit);
    return wait.promise;
  }

  statistics(): CapacityStatistics {
    const now = loopTime();
    const borrowings = [...this.#permits].map(({ borrower, since }) => ({ borrower, heldFor: now - since }));
    return { total: this.#total, borrowed: this.#permits.size, borrowings, waiting: this.#line.size };
  }

  #borrow(borrower: object | undefined): Permit {
    const permit = new Permit(this, borrower);
    this.#permits.add(permit);
    this.setHeld(true);
    if (borrower !== undefined) this.#borrowers.set(borrower, permit);
    return permit;
  }

  #grant(): void {
    while (this.#permits.size < this.#total) {
      const wait = this.#line.shift();
      if (wait === undefined) return;
      // Asked for twice by one borrower while it waited: the second cannot be given beside the first.
      const held = wait.borrower === undefined ? undefined : this.#borrowers.get(wait.borrower);
      if (held === undefined) wait.answer(this.#borrow(wait.borrower));
      else wait.fail(alreadyBorrowed(held));
    }
  }
}

function alreadyBorrowed(held: Permit): InvalidStateError {
  const who = (held.borrower as Partial<Task<unknown>>).label ?? 'the borrower';
  return new InvalidStateError(
    `Cannot acquire from limiter: ${who} has borrowed from it already, for ${(loopTime() - held.since).toFixed(0)} ms`,
  );
}

function checkTotal(total: number): number {
  capacity("set the limiter's total", '', total);
  return total;
}
