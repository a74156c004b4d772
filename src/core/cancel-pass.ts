// Passing a cancel on: from a task to what it awaits, to what that awaits, and so on, to the innermost waits.
//
// A cancel often asks for others: a task's wait for another task hands it to that task. Chains of any length occur (each
// item awaits the one before it), so nothing here recurses: a request made while one is applied is put on a stack and
// applied next, before those that were there, which is the order in which recursion would come to them.
//
// States: IDLE --(first request)--> PASSING --(the stack is empty)--> signals are aborted --> IDLE.
//
// - In PASSING only decisions are made: waits are cancelled, futures settled. Users' code runs afterwards.
// - Abort listeners are users' code. They are called when everything is decided, so that none meets a tree half told.
// - A request that throws is reported and stops no other.
import type { CancelledError } from './errors.ts';
import { reportException } from './exception-handler.ts';

/** What can be cancelled: a scope, a task, a future, a gather. */
export interface CancelTarget {
  /** Makes the cancel come true, for whoever it concerns. Called by the pass alone. */
  applyCancel(error: CancelledError): void;
}

interface Abort {
  readonly controller: AbortController;
  readonly error: CancelledError;
}

/** What is still to be done, the next one last. */
const stack: (() => void)[] = [];
/** What the request that is being applied asked for, in its order. */
const asked: (() => void)[] = [];
let aborts: Abort[] = [];
let passing = false;

/** Cancels `target`: at once, or, inside a pass, next. */
export function passCancel(target: CancelTarget, error: CancelledError): void {
  if (passing) asked.push(() => target.applyCancel(error));
  else pass(target, error);
}

/** Calls `fn` when all that was asked for by this request before it has been applied. Only inside a pass. */
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
      // The first that was asked for comes on top.
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
