// Checks of options and arguments. A set of options is a table, one check for each name; a name that the interface has and
// the table lacks, or the other way round, does not compile.
//
// A value of the wrong type is a TypeError, one of the right type that is out of range a RangeError. Messages are built only
// when a check fails. A check may also be called alone, for a single argument, or on a path too hot for a table.
import { describe } from './describe.ts';

/** Throws unless `value` is right. `name` is empty for an argument whose name would say nothing to the caller. */
export type Check = (action: string, name: string, value: unknown) => void;

/** The checks of a set of options. */
export type Checks<Options> = Readonly<Record<keyof Options, Check>>;

/**
 * Checks options: that they are an object, that each name is known, and then, in the order of the table, each value. A name
 * whose value is undefined is as good as absent. What depends on several options is for the caller to check after that.
 * @param inside where the options are inside of others, with a point: `multicast.`
 * @param now what options of earlier names are called now
 * @throws TypeError, RangeError
 *
 * @example
 * ```ts
 * import { type Checks, checkOptions, flag, integer } from 'maitre/lowlevel';
 * interface CacheOptions {
 *   readonly size?: number;
 *   readonly shared?: boolean;
 * }
 * const CACHE: Checks<CacheOptions> = { size: integer(1), shared: flag };
 * checkOptions('create cache', { size: 100 }, CACHE);
 * ```
 */
export function checkOptions(
  action: string,
  options: unknown,
  table: Readonly<Record<string, Check>>,
  inside = '',
  now: Readonly<Record<string, string>> = {},
): void {
  if (!isObject(options)) throw wrongValue(action, 'options', 'an object', options);
  for (const each of Object.keys(options)) {
    if (options[each] !== undefined && !Object.hasOwn(table, each)) {
      const hint = Object.hasOwn(now, each) ? `, did you mean ${now[each]}?` : '';
      throw new TypeError(`Cannot ${action}: unknown option ${describe(inside + each)}${hint}`);
    }
  }
  for (const each of Object.keys(table)) {
    const value = options[each];
    if (value !== undefined) (table[each] as Check)(action, inside + each, value); // a key of the table
  }
}

/** Whether a value is an object that may have options. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The error of a value that is not what it must be: a RangeError if it is of the right type, `number` for example, else a
 * TypeError. Without a type, any value is of the wrong one.
 */
export function wrongValue(action: string, name: string, expected: string, value: unknown, type?: string): Error {
  const message = `Cannot ${action}: ${name === '' ? 'expected' : `${name} must be`} ${expected}, got ${describe(value)}`;
  return typeof value === type ? new RangeError(message) : new TypeError(message);
}

/** For what is checked where it is used: signals, by the wait that they belong to. */
export function anything(): void {}

/** A value of this type, for which `isRight` holds if it is given. */
export function ofType(type: 'number', expected: string, isRight: (value: number) => boolean): Check;
export function ofType(type: 'string', expected: string, isRight: (value: string) => boolean): Check;
export function ofType(type: 'boolean' | 'function', expected: string): Check;
export function ofType(type: string, expected: string, isRight: (value: never) => boolean = () => true): Check {
  return (action, name, value) => {
    // The overloads say that a value of the type is what `isRight` takes.
    if (typeof value !== type || !isRight(value as never)) throw wrongValue(action, name, expected, value, type);
  };
}

/** An integer from `least` on, or Infinity too, when that is given. */
export function integer(least: number, orInfinity?: number): Check {
  return ofType(
    'number',
    `an integer >= ${least}${orInfinity === undefined ? '' : ' or Infinity'}`,
    (value) => (Number.isInteger(value) || value === orInfinity) && value >= least,
  );
}

/** An integer from `least` to `most`. */
export function integerFrom(least: number, most: number): Check {
  return ofType(
    'number',
    `an integer from ${least} to ${most}`,
    (value) => Number.isInteger(value) && value >= least && value <= most,
  );
}

/** A number above 0, Infinity included. */
export function positive(what: string): Check {
  return ofType('number', `${what} > 0`, (value) => value > 0);
}

/** A number from 0 on, Infinity included. */
export function notNegative(what: string): Check {
  return ofType('number', `${what} >= 0`, (value) => value >= 0);
}

/** A duration that may not be 0: a limit, a period. Infinity is one. */
export const positiveMs: Check = /* @__PURE__ */ ofType('number', 'a number of milliseconds > 0', (ms) => ms > 0);

/** A duration that may be 0: a grace, a pause. */
export const notNegativeMs: Check = /* @__PURE__ */ ofType('number', 'a number of milliseconds >= 0', (ms) => ms >= 0);

/** One of several texts, given as the message lists them: `skip, burst or delay`. */
export function oneOf(expected: string): Check {
  const wanted = expected.split(/, | or /);
  return ofType('string', expected, (value) => wanted.includes(value));
}

/** True or false. */
export const flag: Check = /* @__PURE__ */ ofType('boolean', 'true or false');

/** A function. */
export const callback: Check = /* @__PURE__ */ ofType('function', 'a function');

/** Options inside of options. */
export function objectOf(table: Readonly<Record<string, Check>>): Check {
  return (action, name, value) => {
    if (!isObject(value)) throw wrongValue(action, name, 'an object', value);
    checkOptions(action, value, table, `${name}.`);
  };
}

/** A list, each element checked by the name of the list. */
export function listOf(expected: string, check: Check): Check {
  return (action, name, value) => {
    if (!Array.isArray(value)) throw wrongValue(action, name, expected, value);
    for (const each of value as readonly unknown[]) check(action, name, each);
  };
}
