// The first lines of every view: the answer in words, which the process wrote, and how fresh it is.
import type { Freshness, LoopRow, ProcessRow } from '../inspect/protocol/index.ts';
import { wrap } from './cell-width.ts';
import { durationCell, shareCell } from './cell-text.ts';
import { type Line, line, type Span, span } from './line.ts';

/** Columns of the terminal; undefined for a pipe, where nothing is cut or broken. */
export type Width = number | undefined;

interface Answer {
  readonly sentence: string;
  readonly fresh: Freshness;
}

/**
 * The sentence, and a line below it if the answer is not of this moment.
 * @param most lines of the sentence; what is below it is never cut
 */
export function answerHead({ sentence, fresh }: Answer, width: Width, most: number = Infinity): Line[] {
  const tone = fresh.block === undefined ? 'strong' : 'alarm';
  const note = freshNote(fresh);
  return [
    ...wrap(span(sentence).text, width)
      .slice(0, most)
      .map((text) => line(text, tone)),
    ...(note === '' ? [] : wrap(note, width).map((text) => line(text, 'notice'))),
  ];
}

/** Why the answer is not of this moment; empty if it is. */
function freshNote({ how, age, why }: Freshness): string {
  if (how !== 'stale') return '';
  return `This is from ${durationCell(age)} ago${why === undefined ? '' : `: ${why}`}.`;
}

/** What process it is, in the pieces of one line: `pid 4711`, `chat.ts`, `up 3 h`. */
export function processFacts({ pid, file, runtime, uptime }: ProcessRow): string[] {
  return [`pid ${pid}`, baseName(file) || runtime, `up ${durationCell(uptime)}`];
}

/** How busy its loop is, in pieces. What is not known is left out. */
export function loopFacts({ busy, lag }: LoopRow): string[] {
  return [
    ...(busy === null ? [] : [`busy ${shareCell(busy)}`]),
    ...(lag === null ? [] : [`late ${durationCell(lag.p50)} (p99 ${durationCell(lag.p99)})`]),
  ];
}

/** Facts on one line, as many as fit. */
export function factLine(facts: readonly string[], width: Width): Line {
  const shown: Span[] = [];
  let used = 0;
  for (const fact of facts) {
    const { text } = span(shown.length === 0 ? fact : ` · ${fact}`);
    if (width !== undefined && used + text.length > width) break;
    shown.push(span(text, 'faint'));
    used += text.length;
  }
  return shown;
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
}
