// How many columns of a terminal a text takes, and texts cut to a number of them. Terminals know
// the width of a character by Unicode's East Asian Width: Latin letters take one column, ideographs
// and most emoji two, marks none.
import type { Line, Span } from './line.ts';

/** East Asian Width W and F, as ranges of code points; emoji are found by their property. */
const WIDE: readonly (readonly [from: number, to: number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x17000, 0x18d08],
  [0x1b000, 0x1b2fb],
  [0x20000, 0x3fffd],
];

/**
 * The most UTF-16 units that are shown as one character. A family of emoji has 11. A letter under a
 * thousand marks would draw over the lines around it.
 */
const LONGEST_CHARACTER = 16;

const ASCII = /^[\x20-\x7e]*$/;
const EMOJI = /^\p{Emoji_Presentation}|\ufe0f/u;
/** Marks, format characters and surrogates without a partner. */
const NO_WIDTH = /^[\p{M}\p{Cf}\u200b]/u;

const characters = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** The columns that a text takes. It holds no control character. */
export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const { segment } of characters.segment(text)) width += widthOfCharacter(segment);
  return width;
}

/** The columns that a line takes. */
export function widthOfLine(line: Line): number {
  return line.reduce((sum, { text }) => sum + widthOf(text), 0);
}

/** Cuts a text to at most `width` columns. The last one is `…` where something was cut. */
export function fit(text: string, width: number): string {
  if (ASCII.test(text)) return text.length <= width ? text : cutMark(text.slice(0, Math.max(0, width - 1)), width);
  let whole = '';
  let cut = ''; // the longest beginning that leaves a column for the mark
  let used = 0;
  for (const { segment } of characters.segment(text)) {
    const shown = segment.slice(0, LONGEST_CHARACTER);
    used += widthOfCharacter(segment);
    if (used > width) return cutMark(cut, width);
    whole += shown;
    if (used < width) cut = whole;
  }
  return whole;
}

/** Cuts a text in its middle: of a path, both ends tell more. */
export function fitMiddle(text: string, width: number): string {
  if (widthOf(text) <= width || width < 5) return fit(text, width);
  const head = Math.ceil((width - 1) / 2);
  const parts = [...characters.segment(text)].map(({ segment }) => segment.slice(0, LONGEST_CHARACTER));
  let tail = '';
  while (widthOf(tail + (parts.at(-1) ?? '')) <= width - head) tail = (parts.pop() ?? '') + tail;
  return fit(parts.join(''), width - widthOf(tail)) + tail;
}

/** Cuts a line to at most `width` columns. */
export function fitLine(line: Line, width: number): Line {
  if (widthOfLine(line) <= width) return line;
  const shown: Span[] = [];
  let left = width;
  for (const { text, tone } of line) {
    // A piece that fills the line to its end is cut too when more follows it.
    const cut = widthOf(text) < left ? text : fit(`${text}  `, left);
    shown.push({ text: cut, tone });
    left -= widthOf(cut);
    if (left <= 0) break;
  }
  return shown;
}

/** Fills a text with blanks up to `width` columns. */
export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const blanks = ' '.repeat(Math.max(0, width - widthOf(text)));
  return align === 'right' ? blanks + text : text + blanks;
}

/** Breaks a text at blanks into lines of at most `width` columns; a longer word is cut into pieces. */
export function wrap(text: string, width: number | undefined): string[] {
  if (width === undefined || widthOf(text) <= width) return [text];
  const lines: string[] = [];
  let last = '';
  for (const word of text.split(' ').flatMap((each) => pieces(each, width))) {
    if (last !== '' && widthOf(last) + 1 + widthOf(word) > width) {
      lines.push(last);
      last = '';
    }
    last = last === '' ? word : `${last} ${word}`;
  }
  return last === '' ? lines : [...lines, last];
}

function pieces(word: string, width: number): string[] {
  if (widthOf(word) <= width) return [word];
  const found = [''];
  for (const { segment } of characters.segment(word)) {
    const last = found.length - 1;
    if (widthOf((found[last] ?? '') + segment) > width) found.push(segment);
    else found[last] += segment;
  }
  return found;
}

function cutMark(text: string, width: number): string {
  return width <= 0 ? '' : `${text}…`;
}

function widthOfCharacter(character: string): number {
  if (EMOJI.test(character)) return 2;
  if (NO_WIDTH.test(character)) return 0;
  const code = character.codePointAt(0) ?? 0;
  return WIDE.some(([from, to]) => code >= from && code <= to) ? 2 : 1;
}
