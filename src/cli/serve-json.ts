// `maitre serve --log json`: one JSON object a line, for programs that collect logs. Events of
// every kind go to standard output, so that their order holds.
import type { ServeEvent, WorkersEvent } from '../workers/index.ts';

/** Prints each event, with `time` as its first key, in ISO 8601. */
export const printJson = (event: ServeEvent | WorkersEvent): void => {
  process.stdout.write(`${jsonLine({ time: new Date().toISOString(), ...event })}\n`);
};

/**
 * Characters that JSON does not escape although a terminal obeys them: DEL, C1, line separators,
 * changes of direction.
 */
const UNSAFE = /[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** JSON on one line without control characters. Parsed, it is the value itself. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
