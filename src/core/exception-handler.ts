// Where errors go that have no other receiver: one handler, replaceable, never silent.
import { callback, disposable, noteError } from '../base/index.ts';
import { host } from './host.ts';
import type { TaskRecord } from './records.ts';

/**
 * What is known of an error that no code received. Other rooms add fields of their own
 * (`connection`, `server`).
 */
export interface ExceptionContext {
  /** What happened, in one sentence. */
  readonly message: string;
  readonly error: unknown;
  /** The task that failed. */
  readonly task?: TaskRecord;
  /** Where the task was created, if known. */
  readonly createdAt?: string;
  /**
   * True if `createdAt` was guessed from the source text of the task's function, and not recorded.
   */
  readonly createdAtGuessed?: boolean;
  /** True if the message is complete: the default report then leaves the error out. */
  readonly brief?: boolean;
  readonly [extra: string]: unknown;
}

/**
 * Receives an error that no other code received. If it throws, both errors are reported by default.
 */
export type ExceptionHandler = (context: ExceptionContext) => void;

/**
 * The handlers that are set, in order. The last one counts. Each is wrapped in an object, because
 * one function can be set twice.
 */
const handlers: { readonly fn: ExceptionHandler }[] = [];

/**
 * Sets the function that receives every error that no other code received: of failed tasks that
 * nobody awaits, of callbacks that throw, of handlers of a server without `onError`. The default
 * writes to standard error. Disposing the result restores the previous handler. asyncio:
 * `loop.set_exception_handler`.
 * @param fn called with the context of each error, at once
 * @throws TypeError if `fn` is not a function
 *
 * @example
 * ```ts
 * import { setExceptionHandler } from 'maitre';
 * using _ = setExceptionHandler((context) => console.error(context.message, context.error));
 * ```
 */
export function setExceptionHandler(fn: ExceptionHandler): Disposable {
  callback('set the exception handler', '', fn);
  const entry = { fn };
  handlers.push(entry);
  return disposable(() => void handlers.splice(handlers.indexOf(entry), 1));
}

/**
 * Passes an error to the exception handler. Never throws: if the handler throws, both errors are
 * reported by default. asyncio: `loop.call_exception_handler`.
 *
 * @example
 * ```ts
 * import { reportException } from 'maitre/lowlevel';
 * reportException({ message: 'The oven failed', error: new Error('too hot') });
 * ```
 */
export function reportException(context: ExceptionContext): void {
  noteError(context);
  const handler = handlers.at(-1);
  if (handler === undefined) return reportByDefault(context);
  try {
    handler.fn(context);
  } catch (error) {
    reportByDefault(context);
    reportByDefault({ message: 'The exception handler itself failed', error });
  }
}

function reportByDefault(context: ExceptionContext): void {
  const lines = [context.message];
  if (context.createdAt !== undefined) {
    lines.push(`    ${context.createdAtGuessed === true ? 'probably ' : ''}created at ${context.createdAt}`);
  }
  try {
    if (context.brief === true) host.report(lines.join('\n'));
    else host.report(lines.join('\n'), context.error);
  } catch {
    // The last receiver cannot be reached: standard error is broken. Nothing is left to report to.
  }
}
