// The text of server-sent events, as the HTML Standard reads it (9.2.6, "Interpreting an event
// stream"). A field ends with its line, so data of several lines becomes several fields, and an id or
// a name of several lines is refused: otherwise what a user typed could begin a field of its own.
import { describe, isObject } from '../base/index.ts';

/** One event, or one part of it. At least one field is needed. */
export interface ServerSentEvent {
  /** The text. May have several lines. Without it, a browser dispatches no event. */
  readonly data?: string | undefined;
  /** The type of the event, one line. Browsers take `message` without it. */
  readonly event?: string | undefined;
  /** What a client sends back as `Last-Event-ID` when it connects again, one line. */
  readonly id?: string | undefined;
  /** Milliseconds after which a client that lost the connection tries again. */
  readonly retry?: number | undefined;
  /** For who looks at the stream; clients ignore it. May have several lines. */
  readonly comment?: string | undefined;
}

const LINE_END = /\r\n|\r|\n/;
const FIELDS = ['comment', 'retry', 'id', 'event', 'data'] as const;

/** What keeps a connection alive: a comment without text. */
export const HEARTBEAT = ':\n\n';

/**
 * Returns an event as text. A string is the data of an event.
 * @throws TypeError, RangeError for what cannot be sent
 */
export function formatEvent(event: unknown): string {
  if (typeof event === 'string') return `${lines('data: ', event)}\n`;
  if (!isObject(event)) throw wrong(`expected a string or an object, got ${describe(event)}`);
  let text = '';
  for (const field of FIELDS) {
    const value = event[field];
    if (value !== undefined) text += format(field, value);
  }
  if (text === '') throw wrong(`expected an object with ${FIELDS.toReversed().join(', ')}, got ${describe(event)}`);
  return `${text}\n`;
}

function format(field: (typeof FIELDS)[number], value: unknown): string {
  if (field === 'retry') {
    if (Number.isInteger(value) && (value as number) >= 0) return `retry: ${value as number}\n`;
    throw wrong(`retry must be an integer >= 0, got ${describe(value)}`);
  }
  if (typeof value !== 'string') throw wrong(`${field} must be a string, got ${describe(value)}`);
  if (field === 'data') return lines('data: ', value);
  if (field === 'comment') return lines(': ', value);
  if (LINE_END.test(value) || value.includes('\0')) {
    throw wrong(`${field} must be one line without a null character, got ${describe(value)}`);
  }
  return `${field}: ${value}\n`;
}

function lines(start: string, text: string): string {
  return text
    .split(LINE_END)
    .map((line) => `${start}${line}\n`)
    .join('');
}

function wrong(what: string): TypeError {
  return new TypeError(`Cannot send event: ${what}`);
}
