// What gather, race, shield and waitFor take, and how it becomes an Awaitable.
import { wrongValue } from '../base/index.ts';
import { Awaitable } from './awaitable.ts';
import { CancelledError } from './errors.ts';
import { Future } from './future.ts';
import { createTask } from './task.ts';

/** A function (which becomes a task), a Task, a Future, or a foreign promise. */
export type Work<T> = (() => PromiseLike<T> | T) | PromiseLike<T>;

/** What the work resolves to. */
export type WorkResult<W> = W extends (...args: never[]) => infer R ? Awaited<R> : Awaited<W>;

/** Throws a TypeError for anything that is not work. */
export function checkWork(work: unknown, name: string): void {
  if (typeof work === 'function') return;
  if (typeof (work as PromiseLike<unknown> | null | undefined)?.then === 'function') return;
  throw wrongValue(name, '', 'functions, Tasks, Futures or promises', work);
}

/**
 * Cancels work for which a call was refused before it waited, in the way of a later cancel: a Task
 * or Future is cancelled, and a foreign promise is left alone.
 */
export function leaveWork(work: Work<unknown>, refused: Promise<unknown>): void {
  if (typeof work === 'function') return;
  if (work instanceof Awaitable) refused.catch((error) => error instanceof CancelledError && work.cancelWith(error));
  else work.then(undefined, () => undefined); // the caller receives the cancellation instead
}

/** Starts functions as tasks, returns Tasks and Futures as they are, and wraps foreign promises. */
export function toAwaitable<T>(work: Work<T>): Awaitable<T> {
  if (work instanceof Awaitable) return work;
  if (typeof work === 'function') return createTask(work);
  // A cancel ends this Future and leaves the promise alone. Its later outcome then has no receiver.
  const future = new Future<T>();
  work.then(
    (value) => future.answer(value),
    (error: unknown) => future.fail(error),
  );
  return future;
}
