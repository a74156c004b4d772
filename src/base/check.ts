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
 * @param name where the options are inside others, `multicast` for example
 */
export function checkOptions(
  action: string,
  options: unknown,
  table: Readonly<Record<string, Check>>,
  name = 'options',
): void {
  checkObject(action, name, options);
  const inside = name === 'options' ? '' : `${name}.`;
  for (const each of Object.keys(options)) {
    if (options[each] !== undefined && !Object.hasOwn(table, each)) throw unknownOption(action, inside + each);
  }
  for (const each of Object.keys(table)) {
    const value = options[each];
    if (value !== undefined) (table[each] as Check)(action, inside + each, value); // a key of the table
  }
}

/** Throws unless `value` is an object that may have options. */
export function checkObject(
  action: string,
  name: string,
  value: unknown,
  expected = 'an object',
): asserts value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(action, name, expected, value, false);
}

/** The error of a value that is not what it must be. */
export function wrong(action: string, name: string, expected: string, value: unknown, isRightType: boolean): Error {
  const must = name === '' ? 'expected' : `${name} must be`;
  const message = `Cannot ${action}: ${must} ${expected}, got ${describe(value)}`;
  return isRightType ? new RangeError(message) : new TypeError(message);
}

function unknownOption(action: string, name: string): TypeError {
  return new TypeError(`Cannot ${action}: unknown option ${describe(name)}`);
}

/** For what is checked where it is used: signals, by the wait that they belong to. */
export function anything(): void {}

/** A number for which `isRight` holds. Takes NaN only if that does. */
export function numberThat(expected: string, isRight: (value: number) => boolean): Check {
  return (action, name, value) => {
    const isNumber = typeof value === 'number';
    if (!isNumber || !isRight(value)) throw wrong(action, name, expected, value, isNumber);
  };
}

/** An integer from `least` to `most`. */
export function integer(least: number, most: number = Infinity): Check {
  const range = most === Infinity ? `>= ${least}` : `from ${least} to ${most}`;
  return numberThat(`an integer ${range}`, (value) => Number.isInteger(value) && value >= least && value <= most);
}

/** An integer from `least` on, or Infinity. */
export function integerOrInfinity(least: number): Check {
  return numberThat(
    `an integer >= ${least} or Infinity`,
    (value) => value === Infinity || (Number.isInteger(value) && value >= least),
  );
}

/** A number above 0, Infinity included. */
export function positive(what: string): Check {
  return numberThat(`${what} > 0`, (value) => value > 0);
}

/** A duration that may not be 0: a limit, a period. Infinity is one. */
export function positiveMs(action: string, name: string, value: unknown): void {
  const isNumber = typeof value === 'number';
  if (!isNumber || !(value > 0)) throw wrong(action, name, 'a number of milliseconds > 0', value, isNumber);
}

/** A duration that may be 0: a grace, a pause. */
export function notNegativeMs(action: string, name: string, value: unknown): void {
  const isNumber = typeof value === 'number';
  if (!isNumber || !(value >= 0)) throw wrong(action, name, 'a number of milliseconds >= 0', value, isNumber);
}

/** A number from 0 on, Infinity included. */
export function notNegative(what: string): Check {
  return numberThat(`${what} >= 0`, (value) => value >= 0);
}

/** A string for which `isRight` holds. */
export function textThat(expected: string, isRight: (value: string) => boolean): Check {
  return (action, name, value) => {
    const isText = typeof value === 'string';
    if (!isText || !isRight(value)) throw wrong(action, name, expected, value, isText);
  };
}

/** One of these values. */
export function oneOf(...wanted: readonly (string | number)[]): Check {
  return (action, name, value) => {
    if (wanted.includes(value as string)) return; // or is no string, and not among them
    const isRightType = wanted.some((each) => typeof each === typeof value);
    throw wrong(action, name, `${wanted.slice(0, -1).join(', ')} or ${wanted.at(-1)}`, value, isRightType);
  };
}

/** True or false. */
export function flag(action: string, name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw wrong(action, name, 'true or false', value, false);
}

/** A function. */
export function callback(action: string, name: string, value: unknown): void {
  if (typeof value !== 'function') throw wrong(action, name, 'a function', value, false);
}

/** Options inside of options. */
export function objectOf(table: Readonly<Record<string, Check>>): Check {
  return (action, name, value) => checkOptions(action, value, table, name);
}

/** A list, each element checked by the name of the list. */
export function listOf(expected: string, check: Check): Check {
  return (action, name, value) => {
    if (!Array.isArray(value)) throw wrong(action, name, expected, value, false);
    for (const each of value as readonly unknown[]) check(action, name, each);
  };
}
