// `maitre serve --log json`: one JSON object a line, for programs that collect logs. Events of
// every kind go to standard output, so that their order holds.
import { escapeJson } from '../base/index.ts';
import { writeLog } from '../hosts/node/index.ts';
import type { ServeEvent, WorkersEvent } from '../workers/index.ts';

/** Prints each event, with `time` as its first key, in ISO 8601. */
export const printJson = (event: ServeEvent | WorkersEvent): void => {
  writeLog(process.stdout, `${jsonLine({ time: new Date().toISOString(), ...event })}\n`);
};

/** JSON on one line without characters that are not shown. Parsed, it is the value itself. */
export function jsonLine(value: unknown): string {
  return escapeJson(JSON.stringify(value));
}
