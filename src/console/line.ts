// Lines of a terminal as data: pieces of text, each with a tone. Views return them, and the last
// step writes them out, with escape sequences for a terminal and without for a pipe. The text of a
// piece comes from clients and programs, so `span` is the only way to make one, and it escapes.
import { escapeControl } from '../base/index.ts';

/** How a piece stands out. The terminal's own colours show it, so it fits every theme. */
export type Tone = 'plain' | 'strong' | 'faint' | 'alarm' | 'notice' | 'good' | 'reverse';

/** A piece of a line. Its text holds no control character. */
export interface Span {
  readonly text: string;
  readonly tone: Tone;
}

export type Line = readonly Span[];

/** Select Graphic Rendition parameters: attributes and the eight old colours, which all terminals have. */
const CODES: Readonly<Record<Tone, string>> = {
  plain: '',
  strong: '1',
  faint: '2',
  alarm: '1;31',
  notice: '33',
  good: '32',
  reverse: '7',
};

/** Makes a piece of text from outside. */
export function span(text: string, tone: Tone = 'plain'): Span {
  return { text: escapeControl(text), tone };
}

/** A line of one piece. */
export function line(text: string, tone?: Tone): Line {
  return [span(text, tone)];
}

/** The text of a line, without blanks at its end. */
export function plainLine(of: Line): string {
  return of
    .map(({ text }) => text)
    .join('')
    .trimEnd();
}

/** Lines for a pipe or a file: text alone. */
export function plainText(lines: readonly Line[]): string {
  return lines.map((each) => `${plainLine(each)}\n`).join('');
}

/** A line with its tones as escape sequences. */
export function colouredLine(of: Line): string {
  return of
    .map(({ text, tone }) => (CODES[tone] === '' || text === '' ? text : `\x1b[${CODES[tone]}m${text}\x1b[0m`))
    .join('');
}
