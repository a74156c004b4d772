import { escapeControl } from './escape-control.ts';

/**
 * Describes a value for an error message: short, on one line, without control characters (`got -1`,
 * `got a promise`, `got an array`). Never throws.
 *
 * @example
 * ```ts
 * import { describe } from 'maitre/lowlevel';
 * console.log(describe(-1), describe([]), describe('soup')); // -1 an array "soup"
 * ```
 */
export function describe(value: unknown): string {
  try {
    return escapeControl(nameOf(value));
  } catch {
    return 'an object'; // a Proxy or a getter throws
  }
}

/** Describes what was thrown, as `Error: disk full`. Never throws, whatever the value is. */
export function describeThrown(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    return 'an error that cannot be read'; // a revoked Proxy or a getter throws
  }
}

function nameOf(value: unknown): string {
  if (value === null) return 'null';
  switch (typeof value) {
    case 'string':
      return value.length > 40 ? `${JSON.stringify(value.slice(0, 40))}...` : JSON.stringify(value);
    case 'function':
      return value.name === '' ? 'a function' : `the function ${value.name}`;
    case 'object':
      if (Array.isArray(value)) return 'an array';
      if (typeof (value as { then?: unknown }).then === 'function') return 'a promise';
      return `an object of type ${value.constructor?.name ?? 'Object'}`;
    case 'bigint':
      return `${value}n`;
    default:
      return String(value);
  }
}
