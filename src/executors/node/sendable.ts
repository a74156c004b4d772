// What can be sent to a process and back.
import { serialize } from 'node:v8';

/**
 * True on Deno, where sending a value to a process that cannot be cloned fails later and elsewhere.
 */
const SENDS_BLINDLY = 'process' in globalThis && 'deno' in process.versions;

/** Throws for what cannot be sent to a process, on hosts where sending it does not throw. */
export function checkSendable(message: unknown): void {
  if (SENDS_BLINDLY) serialize(message); // it refuses shared memory too, which structuredClone does not
}
