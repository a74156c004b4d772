// Scopes: what a cancel is meant for. A scope is a task, or a part of one: the body of a timeout,
// of a group, or of a member of a race. Scopes nest, and several can be open side by side in one
// task. Prior art: trio's cancel scopes, with asyncio's counts.
//
// States of an inner scope: OPEN --closeScope--> CLOSED. A task's own scope is open until the task
// is done.
//
// Links
// - A wait belongs to one scope from its construction to its delivery: the innermost scope that was
//   open where it began. The `outer` of an open scope is open too, or it is a task.
// - A closed scope is transparent: code that still runs in its context uses its `outer`. Closing
//   moves its waits and its inner scopes to `outer`.
// - The host's carrier holds the innermost scope of the running code. The start of a task puts the
//   task there, so a new task inherits no scope.
//
// Counts
// - A cancel of a scope adds one to its `ownCancels`, to the task's `cancels` (which `cancelling()`
//   returns, as in asyncio), and to `outside` of every scope open inside it. Closing a scope
//   subtracts its own cancels from all three.
// - So a cancel *stands* in a scope while ownCancels + outside > 0. A scope that closes with
//   outside == 0 knows that the cancel was its own.
// - `outsideOfTask` is the part of `outside` that came from the task itself, which
//   `task.uncancel()` takes off.
//
// Kept cancels
// - If no wait in the tree of a scope took the cancel, the scope keeps it for its next wait. So do
//   the scopes inside it. The wait that takes a kept cancel clears it in the scopes around its own
//   scope too, but not in the scopes beside it.
// - A newer cancel overwrites a kept one, unless the kept one came from further out.
// - A cancel of its own that a scope keeps ends with the scope. A cancel from further out has a
//   copy there.
//
// Example: in a task T, a timeout `inner` runs in the body of a timeout `outer`. Its body sleeps.
// 1. `outer` expires. cancelTree(outer): T.cancels = 1, outer.ownCancels = 1, inner.outside = 1.
//    The sleep is a wait of `inner`. It takes the cancel, so no scope keeps it.
// 2. The sleep rejects, and the body of `inner` ends. closeScope(inner): it had no cancels of its
//    own, so no count changes. `outside` was 1, so the CancelledError goes on outwards.
// 3. The body of `outer` ends. closeScope(outer): T.cancels = 0. `outside` is 0, so the cancel was
//    its own, and the CancelledError becomes a TimeoutError.
//
// Had the body of `inner` computed something without a wait in step 1, both scopes would have kept
// the cancel. The next wait in `inner` would have taken it off both.
//
// When the errors of a group's children replace a cancel from outside, keepAround keeps that cancel
// for the scopes around the group.
import { abortAfterPass, type CancelTarget } from './cancel-pass.ts';
import type { CancelledError } from './errors.ts';
import { host } from './host.ts';
import type { TaskRecord } from './records.ts';

/** A wait, as its scope sees it. Wait implements it. */
export interface ScopedWait {
  scope: Scope | undefined;
  nextOfScope: ScopedWait | undefined;
  previousOfScope: ScopedWait | undefined;
  /** True if the waiting code will see the cancellation. */
  cancel(error: CancelledError): boolean;
}

/**
 * What the host's carrier holds: a scope, or the run() to which callbacks outside of any task
 * belong.
 */
export interface Carried {
  /** The task of the scope; undefined for a run(). */
  readonly task: ScopedTask | undefined;
  readonly outer: Scope | undefined;
  readonly isOpen: boolean;
  /** The run() to which it belongs. */
  readonly program: object | undefined;
}

/** A task, or a part of one that can be cancelled by itself. */
export interface Scope extends Carried, CancelTarget {
  readonly task: ScopedTask;
  /** The scope around it; undefined for a task. */
  outer: Scope | undefined;
  /** The head of the list of its own waits, the latest first. */
  waits: ScopedWait | undefined;
  /** The head of the list of scopes open directly inside it, the latest first. */
  inner: InnerScope | undefined;
  /** A cancel that no wait has taken. Only `keep()` writes it. */
  kept: CancelledError | undefined;
  /** Cancels of this scope itself that were not taken back. */
  ownCancels: number;
  /** Cancels of the scopes around it, the task's included. */
  outside: number;
  /** The part of `outside` that came from the task itself. */
  outsideOfTask: number;
  /** The first of the cancels that stand. Its signal aborts with it. */
  standing: CancelledError | undefined;
  /** The source of its signal; undefined until the signal is first read. */
  controller: AbortController | undefined;
  /** When it ends by itself, in milliseconds on the loop's clock; Infinity for never. */
  readonly deadline: number;
}

/** A task, as its scopes see it. */
export interface ScopedTask extends Scope, TaskRecord {
  /** The cancels of all its scopes together, which `cancelling()` returns. */
  cancels: number;
  /** The scope of the group that started it and waits for it. `currentDeadline` follows it. */
  readonly owner: Scope | undefined;
}

/** A scope inside a task. It is open from its construction to closeScope. */
export class InnerScope implements Scope {
  readonly task: ScopedTask;
  outer: Scope | undefined;
  isOpen = true;
  waits: ScopedWait | undefined = undefined;
  inner: InnerScope | undefined = undefined;
  /** Its neighbours in the list of scopes open directly inside `outer`. */
  next: InnerScope | undefined = undefined;
  previous: InnerScope | undefined = undefined;
  kept: CancelledError | undefined = undefined;
  ownCancels = 0;
  outside = 0;
  outsideOfTask = 0;
  standing: CancelledError | undefined = undefined;
  controller: AbortController | undefined = undefined;
  deadline: number = Infinity;
  /** Called in order when it has closed; undefined for none. Only `atScopeEnd()` writes it. */
  closers: Set<{ readonly settled: () => void }> | undefined = undefined;
  /** The contest of which it is a member, while it is open; see race.ts. */
  contest: object | undefined = undefined;

  /** @param outer an open scope */
  constructor(outer: Scope) {
    this.task = outer.task;
    this.outer = outer;
    linkInner(this, outer);
  }

  get program(): object | undefined {
    return this.task.program;
  }

  applyCancel(error: CancelledError): void {
    if (this.isOpen) cancelTree(this, error);
  }
}

/** Returns the innermost open scope, from `carried` outwards; undefined for none. */
export function openScope(carried: Carried | undefined): Scope | undefined {
  let at = carried;
  while (at !== undefined && !at.isOpen) at = at.outer;
  return at as Scope | undefined; // only scopes are ever open
}

/**
 * Returns the run() to which the content of the carrier belongs. The carrier can hold it in turn.
 */
export function programOf(store: unknown): object | undefined {
  return (store as Carried | undefined)?.program; // the carrier holds only scopes and runs
}

/**
 * Returns the innermost open scope of the running code; undefined outside of tasks and on hosts
 * without a carrier.
 */
export function currentScope(): Scope | undefined {
  return openScope(host.carrier.getStore() as Carried | undefined); // the carrier holds only scopes and runs
}

/** True while a cancel of the scope, or of one around it, has not been taken back. */
export function isCancelled(scope: Scope): boolean {
  return scope.ownCancels + scope.outside > 0;
}

/**
 * Calls `fn(argument)` inside the scope, and then either `succeed` with its value or `fail` with
 * what it threw. The scope also carries through what `fn` awaits. The value is awaited inside too:
 * a body that returns a task waits for it in this scope. A value that `fn` returns at once counts
 * only after a microtask, so that tasks which the body started have begun by then.
 */
export function runInScope<A, T>(
  scope: InnerScope,
  fn: (argument: A) => PromiseLike<T> | T,
  argument: A,
  succeed: (value: T) => void,
  fail: (error: unknown) => void,
): void {
  const body = (): void => {
    let promise: Promise<T>;
    try {
      const value = fn(argument);
      promise = value instanceof Promise ? (value as Promise<T>) : Promise.resolve(value);
    } catch (error) {
      fail(error);
      return;
    }
    promise.then(succeed, fail);
  };
  host.carrier.run(scope, body, undefined);
}

// ---- links -----------------------------------------------------------------------------------------------------

/** Links a wait to its scope, as the head of the list. Undone by `unlinkWait`. */
export function linkWait(wait: ScopedWait, scope: Scope): void {
  const first = scope.waits;
  wait.scope = scope;
  wait.previousOfScope = undefined;
  wait.nextOfScope = first;
  if (first !== undefined) first.previousOfScope = wait;
  scope.waits = wait;
}

/** Unlinks a wait. Undoes `linkWait`. */
export function unlinkWait(wait: ScopedWait): void {
  const scope = wait.scope;
  if (scope === undefined) return;
  const next = wait.nextOfScope;
  const previous = wait.previousOfScope;
  if (previous === undefined) scope.waits = next;
  else previous.nextOfScope = next;
  if (next !== undefined) next.previousOfScope = previous;
}

/** Links an inner scope to its outer one, as the head of the list. Undone by `unlinkInner`. */
function linkInner(scope: InnerScope, outer: Scope): void {
  const first = outer.inner;
  scope.outer = outer;
  scope.previous = undefined;
  scope.next = first;
  if (first !== undefined) first.previous = scope;
  outer.inner = scope;
}

/** Unlinks an inner scope. Undoes `linkInner`. */
function unlinkInner(scope: InnerScope): void {
  const { next, previous } = scope;
  if (previous === undefined) (scope.outer as Scope).inner = next; // it was linked
  else previous.next = next;
  if (next !== undefined) next.previous = previous;
}

/**
 * Returns the scope and all scopes open inside it, each before those inside it, the latest opened
 * first. It does not recurse; see the header of cancel-pass.ts.
 */
function treeOf(root: Scope): readonly Scope[] {
  if (root.inner === undefined) return [root];
  const tree: Scope[] = [];
  let at = root;
  for (;;) {
    tree.push(at);
    if (at.inner !== undefined) {
      at = at.inner;
      continue;
    }
    while (at !== root && (at as InnerScope).next === undefined) at = at.outer as Scope; // below root all are inner
    if (at === root) return tree;
    at = (at as InnerScope).next as InnerScope; // tested just now
  }
}

/** Iterates over all waits of the scope and of the scopes inside it, its own first. */
export function* waitsIn(root: Scope): IterableIterator<ScopedWait> {
  for (const scope of treeOf(root)) {
    for (let wait = scope.waits; wait !== undefined; wait = wait.nextOfScope) yield wait;
  }
}

// ---- cancels ---------------------------------------------------------------------------------------------------

/**
 * Cancels a scope: its own waits, those of the scopes inside it, and nothing else. Only
 * `applyCancel` calls it.
 */
export function cancelTree(root: Scope, error: CancelledError): void {
  root.task.cancels++;
  root.ownCancels++;
  // A kept cancel that came from further out is the same object there. It stays, because it ends
  // more than this one.
  const further = root.outer?.kept;
  if (root.inner === undefined) {
    if (!cancelWaits(root, error) && (root.kept === undefined || root.kept !== further)) keep(root, error);
    return;
  }
  const tree = treeOf(root);
  const took = new Set<Scope>();
  for (const scope of tree) {
    if (scope !== root) {
      scope.outside++;
      if (root === root.task) scope.outsideOfTask++;
    }
    if (cancelWaits(scope, error)) took.add(scope);
  }
  // From the inside out: if an inner scope took the cancel, the scopes around it up to root do not
  // keep it.
  for (let i = tree.length - 1; i >= 0; i--) {
    const scope = tree[i] as Scope; // i < length
    if (took.has(scope)) {
      if (scope !== root) took.add(scope.outer as Scope); // below root all have one
    } else if (scope.kept === undefined || scope.kept !== further) keep(scope, error);
  }
}

/** Cancels the scope's own waits. Returns true if one of them took the cancel. */
function cancelWaits(scope: Scope, error: CancelledError): boolean {
  if (scope.standing === undefined) {
    scope.standing = error;
    if (scope.controller !== undefined) abortAfterPass(scope.controller, error);
  }
  let took = false;
  for (let wait = scope.waits; wait !== undefined; wait = wait.nextOfScope) if (wait.cancel(error)) took = true;
  return took;
}

/** Takes one cancel of the task back. See Task.uncancel. */
export function uncancelTask(task: ScopedTask): number {
  if (task.cancels > 0) task.cancels--;
  const own = task.ownCancels > 0;
  if (own) task.ownCancels--;
  for (const scope of treeOf(task)) {
    if (own && scope.outsideOfTask > 0) {
      scope.outsideOfTask--;
      scope.outside--;
    }
    if (isCancelled(scope)) continue;
    keep(scope, undefined);
    calm(scope);
  }
  return task.cancels;
}

/**
 * Ends a scope. It subtracts its own cancels from all counts, and moves its waits and inner scopes
 * to the outer scope. Idempotent.
 */
export function closeScope(scope: InnerScope): void {
  if (!scope.isOpen) return;
  const outer = scope.outer as Scope; // inner scopes have one
  // A kept cancel of its own ends here. One from further out has a copy in the scopes around it.
  keep(scope, undefined);
  const own = scope.ownCancels;
  if (own > 0) {
    scope.task.cancels = Math.max(0, scope.task.cancels - own);
    for (const each of treeOf(scope)) {
      if (each === scope) continue;
      each.outside -= own;
      if (!isCancelled(each)) calm(each);
    }
  }
  // After the counts: treeOf above must still find the inner scopes.
  unlinkInner(scope);
  if (scope.inner !== undefined) handInner(scope.inner, outer);
  if (scope.waits !== undefined) handWaits(scope.waits, outer);
  scope.inner = undefined;
  scope.waits = undefined;
  scope.isOpen = false;
  scope.standing = undefined; // a closed scope lives as long as anything made in its context
  // Last: what they call finds the scope closed.
  for (const closer of scope.closers ?? []) closer.settled();
}

/** Moves `first` and the scopes behind it to the front of the list of `outer`. */
function handInner(first: InnerScope, outer: Scope): void {
  let last = first;
  for (;;) {
    last.outer = outer;
    if (last.next === undefined) break;
    last = last.next;
  }
  last.next = outer.inner;
  if (outer.inner !== undefined) outer.inner.previous = last;
  outer.inner = first;
}

/** Moves `first` and the waits behind it to the front of the list of `outer`. */
function handWaits(first: ScopedWait, outer: Scope): void {
  let last = first;
  for (;;) {
    last.scope = outer;
    if (last.nextOfScope === undefined) break;
    last = last.nextOfScope;
  }
  last.nextOfScope = outer.waits;
  if (outer.waits !== undefined) outer.waits.previousOfScope = last;
  outer.waits = first;
}

/** Called when no cancel stands in the scope any more: a signal read from now on is a fresh one. */
function calm(scope: Scope): void {
  scope.standing = undefined;
  if (scope.controller?.signal.aborted === true) scope.controller = undefined;
}

// ---- kept cancels ----------------------------------------------------------------------------------------------

/** How many scopes keep a cancel, in this thread. */
let keptCancels = 0;

/**
 * True while any scope keeps a cancel. In the common case it is the only test that a waiting call
 * makes.
 */
export function areCancelsKept(): boolean {
  return keptCancels > 0;
}

/**
 * Sets or clears the cancel that the scope's next wait takes. Also counts the scopes that keep one.
 */
export function keep(scope: Scope, error: CancelledError | undefined): void {
  if (scope.kept !== undefined) keptCancels--;
  if (error !== undefined) keptCancels++;
  scope.kept = error;
}

/**
 * Returns the cancel that the scope keeps, and clears it here and in the scopes around it.
 * Undefined if there is none.
 */
export function takeKept(scope: Scope | undefined): CancelledError | undefined {
  const error = scope?.kept;
  if (error === undefined) return undefined;
  for (let at = scope; at !== undefined; at = at.outer) if (at.kept === error) keep(at, undefined);
  return error;
}

/**
 * Keeps a cancel that came from around the closed `scope`, for the scopes around it, as far out as
 * it came from.
 */
export function keepAround(scope: InnerScope, error: CancelledError): void {
  for (let at = scope.outer; at?.isOpen === true; at = at.outer) {
    // A scope may have outlived its task, which has no further waits. So only open scopes keep.
    if (at.kept === undefined) keep(at, error);
    if (at.outside === 0) return;
  }
}

// ---- contests --------------------------------------------------------------------------------------------------

/** How many contests are open, in this thread. */
let contests = 0;

/**
 * Counts the open contests (race.ts), so that waiting calls search for one only while there is any.
 */
export function countContests(change: 1 | -1): void {
  contests += change;
}

/** True while a contest is open. */
export function areContests(): boolean {
  return contests > 0;
}

/** True if the scope is a member of an open contest, or is inside one. */
export function isContested(scope: Scope | undefined): boolean {
  for (let at = scope; at !== undefined; at = at.outer) if ((at as InnerScope).contest !== undefined) return true;
  return false;
}

// ---- deadlines -------------------------------------------------------------------------------------------------

/**
 * Returns the earliest deadline around the caller, in milliseconds on the loop's clock
 * (`loopTime()`); null for none. It considers the timeouts around the caller and, in a task of a
 * group, the timeouts around the group. Use it to give the rest of your time to a query or job that
 * runs elsewhere. trio: `current_effective_deadline`.
 *
 *
 * @example
 * ```ts
 * import { currentDeadline, loopTime, timeout } from 'maitre';
 * await timeout(1000, () => console.log((currentDeadline() ?? Infinity) - loopTime() <= 1000)); // true
 * console.log(currentDeadline()); // null
 * ```
 */
export function currentDeadline(): number | null {
  let earliest = Infinity;
  for (let at = currentScope(); at !== undefined; at = at.outer ?? openScope(at.task.owner)) {
    if (at.deadline < earliest) earliest = at.deadline;
  }
  return earliest === Infinity ? null : earliest;
}
