import { escapeControl } from '../base/index.ts';

/** Prints one line to standard error: what the user should know, and is not what was asked for. */
export function note(text: string): void {
  process.stderr.write(`maitre: ${escapeControl(text)}\n`);
}
