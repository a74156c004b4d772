// Resources as plain data: their keys, labels and figures.
import { Awaitable, Resource } from '../core/index.ts';
import type { ResourceRow } from './records.ts';
import { shortName } from './short-name.ts';

/**
 * The kinds of resources of maitre itself. Their figures and labels run no code of the program.
 */
const KINDS: ReadonlySet<string> = new Set([
  'barrier',
  'broadcast',
  'capacity limiter',
  'channel',
  'condition',
  'connection',
  'database connection',
  'datagram endpoint',
  'event',
  'executor',
  'job',
  'lock',
  'pool',
  'process',
  'queue',
  'rate limiter',
  'semaphore',
  'server',
  'subscription',
]);

/** True if resources of this kind may be asked in the middle of other code. */
export function isOwnKind(kind: string): boolean {
  return KINDS.has(kind);
}

/** `lock:3`: unique in its thread. */
export function keyOf(resource: Resource): string {
  return `${resource.kind}:${resource.id}`;
}

/** The label of a resource, as viewers get it. */
export function labelOf({ label }: { readonly label: string }): string {
  return shortName(label);
}

/** `127.0.0.1:50412`, from `connection 3 from 127.0.0.1:50412`. */
export function peerOf({ label }: Pick<ResourceRow, 'label'>): string {
  return /^connection [\d:]+ (?:from|to) (.*)$/s.exec(label)?.[1] ?? '';
}

/** A figure of a row; 0 for one that it does not have. */
export function figure({ statistics }: Pick<ResourceRow, 'statistics'>, name: string): number {
  const value = statistics[name];
  return typeof value === 'number' ? value : 0;
}

/** True for an executor whose workers are on other machines. */
export function isFar({ statistics }: Pick<ResourceRow, 'statistics'>): boolean {
  return Array.isArray(statistics['machines']);
}

/** True if an executor has no worker that could take a job. Those on other machines also have other callers. */
export function areBusy(executor: ResourceRow): boolean {
  return isFar(executor) ? figure(executor, 'idle') === 0 : figure(executor, 'running') >= figure(executor, 'size');
}

/** Returns the resource that a wait waits for: itself, or the connection of a reader or writer. */
export function resourceBehind(waitedFor: unknown): Resource | undefined {
  if (waitedFor instanceof Resource) return waitedFor;
  if (typeof waitedFor !== 'object' || waitedFor === null || waitedFor instanceof Awaitable) return undefined;
  const { partOf } = waitedFor as { readonly partOf?: unknown };
  return partOf instanceof Resource ? partOf : undefined;
}

/** How deep figures are copied, and how many of a list. */
const MOST_DEPTH = 4;
const MOST_ITEMS = 16;
const MOST_TEXT = 200;

type Figures = Readonly<Record<string, unknown>>;

/** Returns what `statistics()` returned as plain data: tasks and other objects become labels. */
export function figuresOf(statistics: object): Figures {
  const all = Object.values(statistics);
  if (all.every((value) => typeof value === 'number' && Number.isFinite(value))) return statistics as Figures; // tested
  return copy(statistics, MOST_DEPTH);
}

function copy(figures: object, depth: number): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(figures).slice(0, 2 * MOST_ITEMS)) {
    const copied = plainOf(value, depth);
    if (copied !== undefined) plain[name] = copied;
  }
  return plain;
}

function plainOf(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return Number(value);
    case 'string':
      return value.slice(0, MOST_TEXT);
    case 'boolean':
      return value;
    case 'object':
      return value === null ? null : plainOfObject(value, depth);
    default:
      return undefined;
  }
}

function plainOfObject(value: object, depth: number): unknown {
  if (value instanceof Awaitable || value instanceof Resource) return labelOf(value);
  if (depth === 0) return 'an object';
  if (Array.isArray(value)) return value.slice(0, MOST_ITEMS).map((item) => plainOf(item, depth - 1) ?? null);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return copy(value, depth - 1);
  return 'an object';
}
