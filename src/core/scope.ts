// Scopes: what a cancel is meant for. A scope is a task, or a part of one: the body of a timeout or of a group. Scopes nest,
// and several can be open side by side in one task. Prior art: trio's cancel scopes, on asyncio's counts.
//
// States of an inner scope: OPEN --closeScope--> CLOSED. A task's own scope is open until the task is done.
//
// Links
// - A wait belongs to one scope from its construction to its delivery: the innermost open one where it began. An open
//   scope's `outer` is open too, or it is a task.
// - A closed scope is transparent: who comes to it goes on to its `outer`. Closing hands its waits and inner scopes outwards.
// - The host's carrier holds the innermost scope of the code that runs; a task's start puts the task there, so that a new task
//   inherits no scope.
//
// Counts
// - A cancel of a scope adds one to its `ownCancels`, to the task's `cancels` (what `cancelling()` tells, as in asyncio), and
//   to `outside` of every scope open inside it. Closing takes a scope's own cancels off all three again.
// - So a cancel *stands* in a scope while ownCancels + outside > 0, and "was it mine alone?" is outside == 0 when it closes.
// - `outsideOfTask` is the part of `outside` that came from the task itself: what `task.uncancel()` takes off.
//
// Kept cancels
// - A scope in whose tree no wait took the cancel keeps it for its next wait, as do the scopes inside it. Whoever takes a kept
//   cancel takes it off the scopes around it too, not off those beside it.
// - A newer cancel overwrites a kept one, unless that came from further out.
// - A scope's own kept cancel ends with it. One from further out has a copy there.
//
// A group whose children's errors take an outside cancel's place keeps that cancel for the scopes around it (keepAround).
import { abortAfterPass, type CancelTarget } from './cancel-pass.ts';
import type { CancelledError } from './errors.ts';
import { host } from './host.ts';
import type { TaskRecord } from './records.ts';

/** What a scope knows of a wait. Wait implements it. */
export interface ScopedWait {
  scope: Scope | undefined;
  nextOfScope: ScopedWait | undefined;
  previousOfScope: ScopedWait | undefined;
  /** True if whoever waits will hear of the cancellation. */
  cancel(error: CancelledError): boolean;
}

/** What the host's carrier holds: a scope, or the run() to which callbacks outside of any task belong. */
export interface Carried {
  /** The innermost scope has its own task; a run() has none. */
  readonly task: ScopedTask | undefined;
  readonly outer: Scope | undefined;
  readonly isOpen: boolean;
  /** The run() it belongs to. */
  readonly program: object | undefined;
}

/** A part of a task that can be cancelled by itself. */
export interface Scope extends Carried, CancelTarget {
  readonly task: ScopedTask;
  outer: Scope | undefined;
  /** The first of its own waits, the latest first. */
  waits: ScopedWait | undefined;
  /** The first of the scopes open directly inside it, the latest first. */
  inner: InnerScope | undefined;
  /** A cancel that no wait has taken. Written through keep() alone. */
  kept: CancelledError | undefined;
  ownCancels: number;
  outside: number;
  outsideOfTask: number;
  /** The first of the cancels that stand: what its signal is aborted with. */
  standing: CancelledError | undefined;
  /** Made when its signal is first read. */
  controller: AbortController | undefined;
  /** When it ends by itself, on the loop's clock; Infinity for never. */
  readonly deadline: number;
}

/** A task, as its scopes see it. */
export interface ScopedTask extends Scope, TaskRecord {
  /** All cancels of all its scopes: what `cancelling()` tells. */
  cancels: number;
  /** The group scope it was started in: who waits for it, for deadlines. */
  readonly owner: Scope | undefined;
}

/** A scope inside a task. Open from its construction; closeScope ends it. */
export class InnerScope implements Scope {
  readonly task: ScopedTask;
  outer: Scope | undefined;
  isOpen = true;
  waits: ScopedWait | undefined = undefined;
  inner: InnerScope | undefined = undefined;
  /** Its neighbours among the scopes open directly inside `outer`. */
  next: InnerScope | undefined = undefined;
  previous: InnerScope | undefined = undefined;
  kept: CancelledError | undefined = undefined;
  ownCancels = 0;
  outside = 0;
  outsideOfTask = 0;
  standing: CancelledError | undefined = undefined;
  controller: AbortController | undefined = undefined;
  deadline: number = Infinity;
  /** Called when it has closed, in order; undefined for none. Written by atScopeEnd() alone. */
  closers: Set<{ readonly fn: () => void }> | undefined = undefined;
  /** The contest whose member it is while that is open; see race.ts. */
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

/** The innermost open scope, from `carried` outwards; undefined for none. */
export function openScope(carried: Carried | undefined): Scope | undefined {
  let at = carried;
  while (at !== undefined && !at.isOpen) at = at.outer;
  return at as Scope | undefined; // only scopes are ever open
}

/** The run() that what the carrier holds belongs to, to be carried itself. */
export function programOf(store: unknown): object | undefined {
  return (store as Carried | undefined)?.program; // only scopes and runs are carried
}

/** The innermost open scope of the code that runs; undefined outside of tasks and on hosts without a carrier. */
export function currentScope(): Scope | undefined {
  return openScope(host.carrier.getStore() as Carried | undefined); // only scopes and runs are carried
}

/** True while a cancel of the scope itself, or of one around it, has not been taken back. */
export function isCancelled(scope: Scope): boolean {
  return scope.ownCancels + scope.outside > 0;
}

/**
 * Calls `fn(argument)` inside the scope, with all that it awaits, and then one of the two: with its value, or with what it threw.
 * The value is awaited inside too: a body that returns a task waits for it in this scope. What tasks a body has started run before
 * a value that it returns at once counts.
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

/** Links a wait to its scope, before the others. */
export function linkWait(wait: ScopedWait, scope: Scope): void {
  const first = scope.waits;
  wait.scope = scope;
  wait.previousOfScope = undefined;
  wait.nextOfScope = first;
  if (first !== undefined) first.previousOfScope = wait;
  scope.waits = wait;
}

/** Undoes linkWait. */
export function unlinkWait(wait: ScopedWait): void {
  const scope = wait.scope;
  if (scope === undefined) return;
  const next = wait.nextOfScope;
  const previous = wait.previousOfScope;
  if (previous === undefined) scope.waits = next;
  else previous.nextOfScope = next;
  if (next !== undefined) next.previousOfScope = previous;
}

function linkInner(scope: InnerScope, outer: Scope): void {
  const first = outer.inner;
  scope.outer = outer;
  scope.previous = undefined;
  scope.next = first;
  if (first !== undefined) first.previous = scope;
  outer.inner = scope;
}

function unlinkInner(scope: InnerScope): void {
  const { next, previous } = scope;
  if (previous === undefined) (scope.outer as Scope).inner = next; // it was linked
  else previous.next = next;
  if (next !== undefined) next.previous = previous;
}

/** The scope and all that are open inside it, each before those inside it, the latest opened first. Not by recursion: see header of cancel-pass.ts. */
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
    while (at !== root && (at as InnerScope).next === undefined) at = at.outer as Scope; // below root all are inner scopes
    if (at === root) return tree;
    at = (at as InnerScope).next as InnerScope; // tested just now
  }
}

/** All waits of the scope and of those inside it, the scope's own first. */
export function* waitsIn(root: Scope): IterableIterator<ScopedWait> {
  for (const scope of treeOf(root)) {
    for (let wait = scope.waits; wait !== undefined; wait = wait.nextOfScope) yield wait;
  }
}

// ---- cancels ---------------------------------------------------------------------------------------------------

/** Cancels a scope: its waits and those of the scopes inside it, and nothing else. By applyCancel alone. */
export function cancelTree(root: Scope, error: CancelledError): void {
  root.task.cancels++;
  root.ownCancels++;
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
  // From the inside out: a scope whose inner scope took it is not told again.
  for (let i = tree.length - 1; i >= 0; i--) {
    const scope = tree[i] as Scope; // i < length
    if (took.has(scope)) {
      if (scope !== root) took.add(scope.outer as Scope); // below root all have one
    } else if (scope.kept === undefined || scope.kept !== further) keep(scope, error);
  }
}

/** Cancels the scope's own waits. True if one of them took it. */
function cancelWaits(scope: Scope, error: CancelledError): boolean {
  if (scope.standing === undefined) {
    scope.standing = error;
    if (scope.controller !== undefined) abortAfterPass(scope.controller, error);
  }
  let took = false;
  for (let wait = scope.waits; wait !== undefined; wait = wait.nextOfScope) if (wait.cancel(error)) took = true;
  return took;
}

/** Takes one cancel of the task back: see Task.uncancel. */
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

/** Ends a scope. Its own cancels are taken off; its waits and inner scopes are the outer scope's from now on. */
export function closeScope(scope: InnerScope): void {
  if (!scope.isOpen) return;
  const outer = scope.outer as Scope; // inner scopes have one
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
  unlinkInner(scope);
  if (scope.inner !== undefined) handInner(scope.inner, outer);
  if (scope.waits !== undefined) handWaits(scope.waits, outer);
  scope.inner = undefined;
  scope.waits = undefined;
  scope.isOpen = false;
  scope.standing = undefined; // a closed scope lives as long as anything made in its context
  for (const { fn } of scope.closers ?? []) fn();
}

/** Puts `first` and the scopes behind it before those of `outer`. */
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

/** Puts `first` and the waits behind it before those of `outer`. */
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

/** No cancel stands in it any more: a signal read from now on is a fresh one. */
function calm(scope: Scope): void {
  scope.standing = undefined;
  if (scope.controller?.signal.aborted === true) scope.controller = undefined;
}

// ---- kept cancels ----------------------------------------------------------------------------------------------

let keptCancels = 0;

/** True while any scope keeps a cancel: the one test that waiting calls make in the common case. */
export function areCancelsKept(): boolean {
  return keptCancels > 0;
}

/** Sets or clears the cancel that the scope's next wait takes. */
export function keep(scope: Scope, error: CancelledError | undefined): void {
  if (scope.kept !== undefined) keptCancels--;
  if (error !== undefined) keptCancels++;
  scope.kept = error;
}

/** Takes what the scope keeps, off the scopes around it too. Undefined when it keeps nothing. */
export function takeKept(scope: Scope | undefined): CancelledError | undefined {
  const error = scope?.kept;
  if (error === undefined) return undefined;
  for (let at = scope; at !== undefined; at = at.outer) if (at.kept === error) keep(at, undefined);
  return error;
}

/** Keeps a cancel that came from around the closed `scope` for the scopes around it, as far out as it came from. */
export function keepAround(scope: InnerScope, error: CancelledError): void {
  for (let at = scope.outer; at?.isOpen === true; at = at.outer) {
    // Open: the scope may have outlived its task, which meets nothing any more.
    if (at.kept === undefined) keep(at, error);
    if (at.outside === 0) return;
  }
}

// ---- contests --------------------------------------------------------------------------------------------------

let contests = 0;

/** Counts the open contests (race.ts), so that waiting calls need not look for one where there is none. */
export function countContests(change: 1 | -1): void {
  contests += change;
}

/** True while a contest is open. */
export function areContests(): boolean {
  return contests > 0;
}

/** True if the scope is, or is inside, a member of an open contest. */
export function isContested(scope: Scope | undefined): boolean {
  for (let at = scope; at !== undefined; at = at.outer) if ((at as InnerScope).contest !== undefined) return true;
  return false;
}

// ---- deadlines -------------------------------------------------------------------------------------------------

/**
 * The earliest deadline around the caller, on the loop's clock (`loopTime()`), milliseconds: of the timeouts that it runs in
 * and, in a group's task, of those around the group. Null for none. For queries and jobs that go on elsewhere.
 * trio: `current_effective_deadline`.
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
