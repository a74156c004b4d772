// CapacityLimiter: a semaphore that knows its borrowers, and whose total can change. Semantics:
// trio.CapacityLimiter.
//
// State: `#permits` holds every permit that is out. `#borrowers` finds a permit by its borrower.
// `#line` holds the waiters.
//
// Invariants:
// - A permit is in `#permits` from the moment it is granted, even before the task that receives it
//   has resumed. So nobody can overtake that task.
// - Waiters exist only while borrowed >= total. Borrowed may exceed a total that was lowered:
//   nothing is taken away, and returned permits are not granted again until borrowed < total.
// - A borrower has at most one permit.
//
// Example: total 2, A and B have borrowed, C waits. `total = 1` changes nothing yet. A returns its
// permit: borrowed is 1, not below the total, so C waits on. B returns its permit, and C is granted
// one.
import { type Check, integer } from '../base/index.ts';
import {
  beginWait,
  type Holder,
  InvalidStateError,
  Line,
  loopTime,
  mayAnswer,
  QueuedWait,
  Resource,
  type ResourceOptions,
  Task,
  type WaitOptions,
  waiterOf,
} from '../core/index.ts';

/** Options of `CapacityLimiter.acquire`. */
export interface BorrowOptions extends WaitOptions {
  /** Who borrows. Defaults to the current task. An object borrows at most one permit at a time. */
  readonly borrower?: object | undefined;
}

/** One permit that is out. */
export interface Borrowing {
  /** The task or object that borrows. Undefined if it was borrowed outside of tasks. */
  readonly borrower: object | undefined;
  /** How long it has been borrowed, in milliseconds. */
  readonly heldFor: number;
}

/** The figures of a limiter. */
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

let giveBack: (limiter: CapacityLimiter, permit: Permit) => void; // set by the static block of the class

/**
 * Limits the number of concurrent borrowers to `total`, which you can change at any time: for
 * worker pools, connections, concurrent requests. First come, first served. trio, AnyIO:
 * `CapacityLimiter`.
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
  /** Every permit that is out, in the order of granting. */
  readonly #permits = new Set<Permit>();
  /** The permits that have a borrower, by borrower. */
  readonly #borrowers = new Map<object, Permit>();
  /** The waiters, in the order of their calls. Empty while borrowed < total. */
  readonly #line = new Line<Permit, CapacityWait>();

  static {
    giveBack = (limiter, permit): void => {
      if (!limiter.#permits.delete(permit)) return; // returned before
      if (permit.borrower !== undefined) limiter.#borrowers.delete(permit.borrower);
      limiter.setHeld(limiter.#permits.size > 0);
      limiter.#grant();
    };
  }

  /**
   * Makes a limiter with all permits free.
   * @param total the number of permits, an integer >= 0, or Infinity
   * @throws RangeError or TypeError if `total` is anything else
   */
  constructor(total: number, options?: ResourceOptions) {
    super(options);
    this.#total = checkTotal(total);
  }

  get kind(): 'capacity limiter' {
    return 'capacity limiter';
  }

  /** The number of permits. trio: `CapacityLimiter.total_tokens`. */
  get total(): number {
    return this.#total;
  }

  /**
   * Changes the number of permits. Raising it grants permits to waiters. Lowering it takes nothing
   * from those who have borrowed. trio: `CapacityLimiter.total_tokens`.
   */
  set total(total: number) {
    this.#total = checkTotal(total);
    this.#grant();
  }

  /** The number of permits that are out. trio: `CapacityLimiter.borrowed_tokens`. */
  get borrowed(): number {
    return this.#permits.size;
  }

  /**
   * Waits for a permit and borrows it. Dispose the result to return the permit; disposing it again
   * does nothing. Cancellable. trio: `CapacityLimiter.acquire_on_behalf_of`.
   * @throws InvalidStateError if the borrower has one already: at a full limiter it would wait for
   * itself
   * @throws CancelledError
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

  /**
   * Returns the total, the permits that are out with their borrowers, and the number of tasks that
   * wait. trio: `CapacityLimiter.statistics`.
   */
  statistics(): CapacityStatistics {
    const now = loopTime();
    const borrowings = [...this.#permits].map(({ borrower, since }) => ({ borrower, heldFor: now - since }));
    return { total: this.#total, borrowed: this.#permits.size, borrowings, waiting: this.#line.size };
  }

  override *holders(): Iterable<Holder> {
    for (const { borrower, since } of this.#permits) {
      yield { task: borrower instanceof Task ? (borrower as Task<unknown>) : undefined, since };
    }
  }

  #borrow(borrower: object | undefined): Permit {
    const permit = new Permit(this, borrower);
    this.#permits.add(permit);
    this.setHeld(true);
    if (borrower !== undefined) this.#borrowers.set(borrower, permit);
    return permit;
  }

  /** Grants permits to waiters while there are any. */
  #grant(): void {
    while (this.#permits.size < this.#total) {
      const wait = this.#line.shift();
      if (wait === undefined) return;
      // One borrower can wait twice at the same time. The first request is granted, the second
      // rejects.
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
