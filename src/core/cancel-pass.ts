// Passing a cancel on: from a task to what it awaits, to what that awaits, and so on, to the
// innermost waits.
//
// A cancel often requests others: the wait of a task for another task passes the cancel to that
// task. Chains can have any length (each item awaits the one before it), so nothing here recurses.
// A request made while another one is applied goes on a stack. It is applied next, before the
// requests that were there, which is the order in which recursion would reach it.
//
// States: IDLE --(first request)--> PASSING --(the stack is empty)--> signals are aborted --> IDLE.
//
// - PASSING only makes decisions: it cancels waits and settles futures. User code runs
//   afterwards.
// - Abort listeners are user code. They are called when everything is decided, so that none of
//   them sees a tree that is cancelled in part.
// - A request that throws is reported and stops no other.
//
// Example: task A awaits `gather([B, C])`, B awaits D, and C and D sleep. `A.cancel()` cancels A's
// wait, which requests the Gathering, which requests B and C: the stack is [C, B]. B's wait
// requests D: the stack is [C, D]. D's sleep is cancelled, then C's. The tasks continue in later
// microtasks.
import type { CancelledError } from './errors.ts';
import { reportException } from './exception-handler.ts';

/** What can be cancelled: a scope, a task, a future, a gather. */
export interface CancelTarget {
  /** Carries the cancel out. Only the pass calls it. */
  applyCancel(error: CancelledError): void;
}

interface Abort {
  readonly controller: AbortController;
  readonly error: CancelledError;
}

/** The requests to apply. The next one is the last. */
const stack: (() => void)[] = [];
/** What the current request has requested, in its order. */
const asked: (() => void)[] = [];
/** The signals to abort at the end of the pass. */
let aborts: Abort[] = [];
let passing = false;

/** Cancels `target`: at once or, inside a pass, next. */
export function passCancel(target: CancelTarget, error: CancelledError): void {
  if (passing) asked.push(() => target.applyCancel(error));
  else pass(target, error);
}

/**
 * Calls `fn` when everything that this request requested before has been applied. Call it only
 * inside a pass.
 */
export function afterPassing(fn: () => void): void {
  asked.push(fn);
}

/** Aborts a signal at the end of the pass. */
export function abortAfterPass(controller: AbortController, error: CancelledError): void {
  aborts.push({ controller, error });
}

function pass(first: CancelTarget, cancellation: CancelledError): void {
  passing = true;
  try {
    apply(() => first.applyCancel(cancellation));
    for (;;) {
      // Reversed, so that the first request is on top.
      for (let next = asked.pop(); next !== undefined; next = asked.pop()) stack.push(next);
      const next = stack.pop();
      if (next === undefined) break;
      apply(next);
    }
  } finally {
    passing = false;
  }
  const due = aborts;
  if (due.length === 0) return;
  aborts = [];
  for (const { controller, error } of due) controller.abort(error);
}

function apply(step: () => void): void {
  try {
    step();
  } catch (error) {
    reportException({ message: 'A cancel failed', error });
  }
}
