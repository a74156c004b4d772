// Errors in transit between workers: packed as plain data, and rebuilt on the nearest class that
// both sides have.
//
// An error arrives as an instance of its nearest class that is built in or maitre's own. It keeps
// its name, message, code, own fields, cause, `errors` and stack. The stack shows the frames of the
// worker, then those of the call.
import { describe } from '../base/index.ts';
import {
  BrokenBarrierError,
  BusyError,
  CalledProcessError,
  CancelledError,
  ConnectionLostError,
  IncompleteReadError,
  InvalidStateError,
  LeaseLostError,
  LimitOverrunError,
  MissedItemsError,
  QueueEmpty,
  QueueFull,
  QueueShutDown,
  TaskGroupError,
  TimeoutError,
  WorkerLostError,
} from '../core/index.ts';
import { isCloneable } from './cloning.ts';

/** An error as data. */
export interface CrossedError {
  /**
   * The name of the nearest class that the other side has. '' for a thrown value that is not an
   * error.
   */
  readonly base: string;
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Own fields that can be cloned. For a value that is not an error, `value`. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly cause: CrossedError | undefined;
  readonly errors: readonly CrossedError[] | undefined;
}

type ErrorClass = abstract new (...args: never[]) => Error;

/** The depth to which causes and `errors` are followed. */
const DEEPEST = 8;
/**
 * The classes that both sides have, by name. The names are keys, which bundlers leave as they are:
 * the name of a class is another one in each bundle. One by one, so that bundlers can drop the rest
 * of core.
 */
const CLASSES: ReadonlyMap<string, ErrorClass> = new Map<string, ErrorClass>(
  Object.entries({
    AggregateError,
    BrokenBarrierError,
    BusyError,
    CalledProcessError,
    CancelledError,
    ConnectionLostError,
    Error,
    EvalError,
    IncompleteReadError,
    InvalidStateError,
    LeaseLostError,
    LimitOverrunError,
    MissedItemsError,
    QueueEmpty,
    QueueFull,
    QueueShutDown,
    RangeError,
    ReferenceError,
    SyntaxError,
    TaskGroupError,
    TimeoutError,
    TypeError,
    URIError,
    WorkerLostError,
  }),
);
/** The names of these classes, by their prototypes. */
const NAMES: ReadonlyMap<object, string> = new Map([...CLASSES].map(([name, { prototype }]) => [prototype, name]));

/** Packs what was thrown. Never throws. */
export function packError(error: unknown, depth = 0): CrossedError {
  try {
    return error instanceof Error ? packed(error, depth) : packedValue(error);
  } catch {
    return plain('Error', 'an error that cannot be read');
  }
}

/** What is left of a packed error if one of its fields cannot be sent: everything but the fields. */
export function withoutFields(error: CrossedError): CrossedError {
  if (error.base === '') return plain('Error', `A job threw ${describe(error.fields['value'])}, which cannot be sent`);
  const { cause, errors } = error;
  return {
    ...error,
    fields: {},
    cause: cause === undefined ? undefined : withoutFields(cause),
    errors: errors?.map(withoutFields),
  };
}

/** Rebuilds an error, or the value that was thrown. `site` is the stack of the call. */
export function unpackError(data: CrossedError, site?: string): unknown {
  if (data.base === '') return data.fields['value'];
  const base = CLASSES.get(data.base) ?? Error;
  const error = Object.create(base.prototype) as Error;
  const define = (name: string, value: unknown, enumerable = false): void =>
    void Object.defineProperty(error, name, { value, enumerable, writable: true, configurable: true });
  define('message', data.message);
  if (data.name !== base.prototype.name) define('name', data.name);
  const below = site === undefined ? '' : `\n    --- called in the program ---\n${site}`;
  define('stack', `${data.stack ?? `${data.name}: ${data.message}`}${below}`);
  if (data.cause !== undefined) define('cause', unpackError(data.cause));
  if (data.errors !== undefined)
    define(
      'errors',
      data.errors.map((each) => unpackError(each)),
    );
  for (const [name, value] of Object.entries(data.fields)) define(name, value, true);
  return error;
}

function packed(error: Error, depth: number): CrossedError {
  const deeper = depth + 1;
  const [cause, errors, stack] = ['cause', 'errors', 'stack'].map((name) => fieldOf(error, name));
  const fields: Record<string, unknown> = {};
  for (const name of Object.keys(error)) {
    const value = fieldOf(error, name);
    if (name !== 'cause' && name !== 'errors' && isCloneable(value)) fields[name] = value;
  }
  return {
    base: baseOf(error),
    name: textOf(error.name),
    message: textOf(error.message),
    stack: typeof stack === 'string' ? stack : undefined,
    fields,
    cause: cause === undefined || deeper > DEEPEST ? undefined : packError(cause, deeper),
    errors: Array.isArray(errors) && deeper <= DEEPEST ? errors.map((each) => packError(each, deeper)) : undefined,
  };
}

/** The text of what should be text, and may be anything that a program has assigned. */
function textOf(value: unknown): string {
  return String(value);
}

/** Undefined for a getter that throws. Reading the stack throws, too, where the name is a symbol. */
function fieldOf(error: Error, name: string): unknown {
  try {
    return (error as unknown as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

function packedValue(value: unknown): CrossedError {
  if (!isCloneable(value)) return plain('Error', `A job threw ${describe(value)}, which cannot be cloned`);
  return { ...plain('', ''), fields: { value } };
}

function plain(base: string, message: string): CrossedError {
  return { base, name: base, message, stack: undefined, fields: {}, cause: undefined, errors: undefined };
}

function baseOf(error: Error): string {
  for (let at: object | null = Object.getPrototypeOf(error); at !== null; at = Object.getPrototypeOf(at)) {
    const name = NAMES.get(at);
    if (name !== undefined) return name;
  }
  // An error of another realm, such as a vm's, is recognised by name.
  return CLASSES.has(error.name) ? error.name : 'Error';
}
