// What others have put into Redis, looked at before anything relies on it. Plain programs of BullMQ, other
// versions of maitre and people with redis-cli can write there too, and must not end this program. What
// is not of the expected kind reads as undefined.
import { isObject } from '../base/index.ts';
import type { Control, Entries, JobData, Machine, Outcome } from './remote-protocol.ts';

/** The outcome of an attempt, from its text. */
export function readOutcome(text: string): Outcome | undefined {
  const value = parse(text);
  if (!has(value, 'attempt', 'number')) return undefined;
  const { items, cancelled } = value;
  if (items !== undefined && typeof items !== 'number') return undefined;
  if (cancelled !== undefined && typeof cancelled !== 'string') return undefined;
  return value as unknown as Outcome; // checked here
}

/** What a running job has sent, from its text. */
export function readEntries(text: string): Entries | undefined {
  const value = parse(text);
  if (!has(value, 'attempt', 'number') || !Array.isArray(value['entries'])) return undefined;
  return value['entries'].every(isEntry) ? (value as unknown as Entries) : undefined; // checked here
}

function isEntry(entry: unknown): boolean {
  if (!Array.isArray(entry)) return false;
  const [type, before, items] = entry as unknown[];
  return (
    type === 'report' || type === 'stream' || (type === 'items' && typeof before === 'number' && Array.isArray(items))
  );
}

/** A message to the worker of a job, from its text. */
export function readControl(text: string): Control | undefined {
  const value = parse(text);
  if (!has(value, 'id', 'string')) return undefined;
  const { type, message, items } = value;
  const isRight =
    type === 'stop' ||
    (type === 'cancel' && typeof message === 'string') ||
    (type === 'credit' && Number.isSafeInteger(items));
  return isRight ? (value as unknown as Control) : undefined; // checked here
}

/** What a machine has told of itself, from its text. */
export function readMachine(text: string): Machine | undefined {
  const value = parse(text);
  const isRight =
    has(value, 'id', 'string') &&
    has(value, 'host', 'string') &&
    has(value, 'pid', 'number') &&
    has(value, 'concurrency', 'number') &&
    has(value, 'since', 'number') &&
    Array.isArray(value['modules']) &&
    Array.isArray(value['jobs']) &&
    value['jobs'].every(isObject);
  return isRight ? (value as unknown as Machine) : undefined; // checked here
}

/** The data of a job, which BullMQ has parsed. */
export function readJobData(value: unknown): JobData | undefined {
  const isRight =
    has(value, 'fn', 'string') &&
    has(value, 'label', 'string') &&
    Array.isArray(value['args']) &&
    ['module', 'source'].some((name) => typeof value[name] === 'string') &&
    ['timeout', 'deadline'].every((name) => value[name] === undefined || typeof value[name] === 'number');
  return isRight ? (value as unknown as JobData) : undefined; // checked here
}

function has(value: unknown, name: string, type: 'number' | 'string'): value is Readonly<Record<string, unknown>> {
  return isObject(value) && typeof value[name] === type;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
