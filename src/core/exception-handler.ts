// Where errors go that have no other receiver: one handler, replaceable, never silent.
import { callback, disposable } from '../base/index.ts';
import { host } from './host.ts';
import type { TaskRecord } from './records.ts';

/** What is known of an error nobody took. Other rooms add fields of their own (`connection`, `server`). */
export interface ExceptionContext {
  /** What happened, one sentence. */
  readonly message: string;
  readonly error: unknown;
  /** The task that failed. */
  readonly task?: TaskRecord;
  /** Where the task was created, if known. */
  readonly createdAt?: string;
  /** True when `createdAt` is what the text of the task's function suggests, and was not recorded. */
  readonly createdAtGuessed?: boolean;
  /** True when the message says all there is to say: the default report leaves the error out. */
  readonly brief?: boolean;
  readonly [extra: string]: unknown;
}

export type ExceptionHandler = (context: ExceptionContext) => void;

/** Those set and not disposed, in order; the last one counts. Objects of their own: one function may be set twice. */
const handlers: { readonly fn: ExceptionHandler }[] = [];

/**
 * Sets the function that receives every error nobody took: failed tasks nobody awaits, throwing callbacks, handlers of a
 * server without `onError`. The default writes to standard error. Disposing the result brings the previous one back.
 * asyncio: `loop.set_exception_handler`.
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

/** Gives an error to the handler. Never throws: a handler that fails is itself reported, after what it was given. */
export function reportException(context: ExceptionContext): void {
  const handler = handlers.at(-1);
  if (handler === undefined) {
    reportByDefault(context);
    return;
  }
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
    // The last receiver cannot be reached (a broken standard error): there is nobody left to tell.
  }
}
