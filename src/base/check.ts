// Checks of options and arguments. The checks of a set of options are a table with one check for
// each name. If the interface and the table do not have the same names, the code does not compile.
//
// A value of a wrong type throws a TypeError, and a value of the right type that is out of range a
// RangeError. Messages are built only when a check fails. You can call a check alone, for a single
// argument or on a path too hot for a table.
import { describe } from './describe.ts';

/**
 * Throws unless `value` is right. `action` and `name` are for the message: `Cannot <action>: <name>
 * must be ...`. `name` is empty for an argument whose name means nothing to the caller.
 */
export type Check = (action: string, name: string, value: unknown) => void;

/** The checks of a set of options: one for each name. */
export type Checks<Options> = Readonly<Record<keyof Options, Check>>;

/**
 * Checks options: that they are an object, that each name is known, and then each value, in the
 * order of the table. A name whose value is undefined counts as absent. Check afterwards what
 * depends on several options.
 * @param action what the caller does, for messages: `Cannot <action>: ...`
 * @param options the options of the user
 * @param table the checks
 * @param inside the path of nested options, with a point at the end: `multicast.`
 * @param now the present names of options, by the names that they had in earlier versions
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

/** Whether a value is an object that can have options. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Returns the error for a wrong value: a RangeError if its type is `type`, otherwise a TypeError.
 * @param action what the caller does, for the message
 * @param name the name of the value; empty for none
 * @param expected what would be right, for the message
 * @param type the right type, as `typeof` returns it; without it, the error is a TypeError
 *
 * @example
 * ```ts
 * import { wrongValue } from 'maitre/lowlevel';
 * console.log(wrongValue('ring the bell', 'times', 'an integer >= 1', 0, 'number').message);
 * ```
 */
export function wrongValue(action: string, name: string, expected: string, value: unknown, type?: string): Error {
  const message = `Cannot ${action}: ${name === '' ? 'expected' : `${name} must be`} ${expected}, got ${describe(value)}`;
  return typeof value === type ? new RangeError(message) : new TypeError(message);
}

/**
 * Accepts any value, for what is checked where it is used: a signal, by the wait to which it
 * belongs. Use it in a table of `checkOptions`.
 */
export function anything(): void {}

/**
 * Returns a check for a value of a type. If `isRight` is passed, it must return true for the value.
 * @param expected what would be right, for the message
 *
 * @example
 * ```ts
 * import { ofType } from 'maitre/lowlevel';
 * const checkPort = ofType('number', 'a number below 65536', (port) => port < 65_536);
 * checkPort('open the door', 'port', 8002);
 * ```
 */
export function ofType(type: 'number', expected: string, isRight: (value: number) => boolean): Check;
export function ofType(type: 'string', expected: string, isRight: (value: string) => boolean): Check;
export function ofType(type: 'boolean' | 'function', expected: string): Check;
export function ofType(type: string, expected: string, isRight: (value: never) => boolean = () => true): Check {
  return (action, name, value) => {
    // The overloads say that a value of the type is what `isRight` takes.
    if (typeof value !== type || !isRight(value as never)) throw wrongValue(action, name, expected, value, type);
  };
}

/**
 * Returns a check for an integer >= `least`. With `orInfinity`, Infinity is allowed too.
 *
 * @example
 * ```ts
 * import { integer } from 'maitre/lowlevel';
 * const checkSize = integer(1);
 * checkSize('create cache', 'size', 100);
 * ```
 */
export function integer(least: number, orInfinity?: number): Check {
  return ofType(
    'number',
    `an integer >= ${least}${orInfinity === undefined ? '' : ' or Infinity'}`,
    (value) => (Number.isInteger(value) || value === orInfinity) && value >= least,
  );
}

/** Returns a check for an integer from `least` to `most`. */
export function integerFrom(least: number, most: number): Check {
  return ofType(
    'number',
    `an integer from ${least} to ${most}`,
    (value) => Number.isInteger(value) && value >= least && value <= most,
  );
}

/** Returns a check for a number > 0, Infinity included. */
export function positive(what: string): Check {
  return ofType('number', `${what} > 0`, (value) => value > 0);
}

/** Returns a check for a number >= 0, Infinity included. */
export function notNegative(what: string): Check {
  return ofType('number', `${what} >= 0`, (value) => value >= 0);
}

/** Checks a duration in milliseconds that must not be 0: a limit, a period. Infinity is allowed. */
export const positiveMs: Check = /* @__PURE__ */ ofType('number', 'a number of milliseconds > 0', (ms) => ms > 0);

/**
 * Checks a duration in milliseconds that may be 0: a grace, a pause. Infinity is allowed. Use it in
 * a table of `checkOptions`.
 */
export const notNegativeMs: Check = /* @__PURE__ */ ofType('number', 'a number of milliseconds >= 0', (ms) => ms >= 0);

/**
 * Returns a check for one of several strings, listed as in the message: `skip, burst or delay`.
 *
 * @example
 * ```ts
 * import { oneOf } from 'maitre/lowlevel';
 * const checkPolicy = oneOf('skip, burst or delay');
 * checkPolicy('tick', 'missed', 'burst');
 * ```
 */
export function oneOf(expected: string): Check {
  const wanted = expected.split(/, | or /);
  return ofType('string', expected, (value) => wanted.includes(value));
}

/** Checks for true or false. `checkOptions` has an example. */
export const flag: Check = /* @__PURE__ */ ofType('boolean', 'true or false');

/**
 * Checks for a function.
 *
 * @example
 * ```ts
 * import { callback } from 'maitre/lowlevel';
 * function whenRung(fn: () => void): void {
 *   callback('wait for the bell', '', fn);
 *   fn();
 * }
 * whenRung(() => console.log('rung'));
 * ```
 */
export const callback: Check = /* @__PURE__ */ ofType('function', 'a function');

/** Returns a check for options inside of options. */
export function objectOf(table: Readonly<Record<string, Check>>): Check {
  return (action, name, value) => {
    if (!isObject(value)) throw wrongValue(action, name, 'an object', value);
    checkOptions(action, value, table, `${name}.`);
  };
}

/** Returns a check for an array. Messages about an element have the name of the array. */
export function listOf(expected: string, check: Check): Check {
  return (action, name, value) => {
    if (!Array.isArray(value)) throw wrongValue(action, name, expected, value);
    for (const each of value as readonly unknown[]) check(action, name, each);
  };
}
