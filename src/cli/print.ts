// How commands that look at a process print: for a terminal in its width and with its colours, for
// a pipe as plain text.
import { colouredLine, type Line, plainText } from '../console/index.ts';

/** Where a command prints. */
export interface Output {
  /** Columns; undefined where nothing is to be cut. */
  readonly width: number | undefined;
  readonly coloured: boolean;
}

/** Standard output. NO_COLOR turns colours off (https://no-color.org). */
export function standardOutput(): Output {
  const { isTTY, columns } = process.stdout;
  const { NO_COLOR = '', TERM = '' } = process.env;
  if (!isTTY) return { width: undefined, coloured: false };
  return { width: columns > 0 ? columns : 80, coloured: NO_COLOR === '' && TERM !== 'dumb' };
}

/** Prints lines to standard output. */
export function print(lines: readonly Line[], { coloured }: Output = standardOutput()): void {
  process.stdout.write(coloured ? lines.map((each) => `${colouredLine(each)}\n`).join('') : plainText(lines));
}
