// For what a task waits, in words: `wait in readLine at chat.ts:14`, `wait for lock "ledger", held by
// client 7`. What has the same words is one group.
import { escapeControl } from '../base/index.ts';
import type { Leaf } from './ball.ts';
import type { Index } from './named.ts';
import type { ResourceRow, TaskRow, WaitRow } from './records.ts';
import { isFar } from './resource-rows.ts';

/** How many characters of an SQL text stand in a sentence. */
const MOST_SQL = 60;

/** `at chat.ts:14`, `probably at chat.ts:14`, `place unknown`. */
function placeWords({ place, guessed }: WaitRow, index: Index): string {
  const found = index.placeOf(place);
  if (found === undefined) return ', place unknown';
  return `${guessed === true ? ', probably' : ''} at ${escapeControl(found.text)}`;
}

/**
 * What a client or task does, without a number before it: `wait in readLine at chat.ts:14`.
 * @param isJoined for all that have the same groupKey(), so without what only one of them does
 */
export function wordsOf({ task, wait }: Leaf, index: Index, isJoined = false): string {
  if (task.state === 'running') return 'run at this moment';
  if (wait === undefined) {
    const created = index.placeOf(task.createdAt);
    const where = created === undefined ? '' : `, created at ${escapeControl(created.text)}`;
    return `wait for something that is not maitre's${where}`;
  }
  return waitWords(wait, index, isJoined);
}

/** What one task does itself, whatever it waits for in the end: all of its waits. */
export function taskWords(task: TaskRow, index: Index): string {
  if (task.state === 'waiting' && task.waits.length === 0) return 'has not begun';
  if (task.waits.length < 2) return wordsOf({ task, wait: task.waits[0], ball: 'unseen' }, index);
  // A gather waits for many that wait alike.
  return [...new Set(task.waits.map((wait) => waitWords(wait, index)))].join(', and ');
}

/** The same for one wait. */
export function waitWords(wait: WaitRow, index: Index, isJoined = false): string {
  const what = whatOfWait(wait, index, isJoined);
  return isHeld(wait, index) ? what : `${what}${placeWords(wait, index)}`;
}

/** True for a wait for something with a name that one can hold: who holds it says more than the place. */
function isHeld({ kind, resource }: WaitRow, index: Index): boolean {
  return kind.endsWith('.acquire') && index.resourceOf(resource)?.name !== undefined;
}

/** The words of a wait without its place: `wait in readLine`, `serve server 127.0.0.1:8002`. */
function whatOfWait(wait: WaitRow, index: Index, isJoined = false): string {
  const { kind, resource, tasks } = wait;
  const row = index.resourceOf(resource);
  if (kind === 'sleep') return 'sleep';
  if (kind === 'promise') return "wait for a promise that is not maitre's";
  if (kind === 'server.serveForever' && row !== undefined) return `wait for clients of ${index.labelOf(row.key)}`;
  if (kind === 'executor.call' || kind === 'executor.next') return jobWords(row, index, isJoined);
  if (isHeld(wait, index)) {
    const holders = index.holdersOf(row);
    return `wait for ${index.labelOf(resource as string)}${holders === undefined ? '' : `, held by ${holders}`}`; // it has a row
  }
  if (tasks !== undefined) return `wait for ${tasks.length === 1 ? index.nameOf(tasks[0] ?? null) : 'tasks'}`;
  if (kind === 'await') return 'wait for a future';
  if (row?.kind === 'database connection') return `wait in ${escapeControl(kind)}${statementOf(row)}`;
  if (row?.name !== undefined) return `wait in ${kind} for ${index.labelOf(row.key)}`;
  return `wait in ${escapeControl(kind)}`;
}

/** The most machines of an executor whose callers are told apart: more would fill the view. */
const MOST_MACHINES = 4;

/**
 * `wait for jobs of executor "ovens"`. If its workers are on other machines, also where: `wait for cook of
 * menu on vm3:4711 (attempt 2)`, and of several `wait for jobs of executor "ovens" on vm3:4711`.
 */
function jobWords(row: ResourceRow | undefined, index: Index, isJoined: boolean): string {
  const executor = row?.parent;
  const jobs = `wait for jobs${executor === undefined ? '' : ` of ${index.labelOf(executor)}`}`;
  if (row === undefined || !isOfFar(row, index)) return jobs;
  if (isJoined) return `${jobs}${farPlace(row, index)}`;
  const { state, machine, attempt } = row.statistics;
  const where =
    state === 'queued' ? ' in the queue' : typeof machine === 'string' ? ` on ${escapeControl(machine)}` : '';
  return `wait for ${index.labelOf(row.key)}${where}${typeof attempt === 'number' ? ` (attempt ${attempt})` : ''}`;
}

/** True for a job of an executor whose workers are on other machines. */
function isOfFar({ parent }: ResourceRow, index: Index): boolean {
  const executor = index.resourceOf(parent);
  return executor !== undefined && isFar(executor);
}

/** Where such a job is, as far as it joins its caller with others. */
function farPlace({ parent, statistics: { state, machine } }: ResourceRow, index: Index): string {
  if (state === 'queued') return ' in the queue';
  const { machines } = index.resourceOf(parent)?.statistics ?? {};
  if (Array.isArray(machines) && machines.length > MOST_MACHINES) return ' on other machines';
  return typeof machine === 'string' ? ` on ${escapeControl(machine)}` : '';
}

/** `: SELECT * FROM orders`, the beginning of the statement that runs on a connection to a database. */
function statementOf({ statistics }: ResourceRow): string {
  const { statement } = statistics;
  if (typeof statement !== 'string') return '';
  return `: ${escapeControl(statement.length > MOST_SQL ? `${statement.slice(0, MOST_SQL)}...` : statement)}`;
}

/** What a task does itself, where its place stands apart: `wait in readLine`. */
export function taskWhat(task: TaskRow, index: Index): string {
  const [wait, ...others] = task.waits;
  if (wait === undefined || task.state === 'running' || others.length > 0) return taskWords(task, index);
  return whatOfWait(wait, index);
}

/**
 * What joins a wait with others, without its words, which cost more. Guesses join what was seen at
 * the same place.
 */
export function groupKey({ task, wait }: Leaf, index: Index): string {
  if (task.state === 'running') return 'running';
  if (wait === undefined) return `unseen ${task.createdAt}`;
  const row = index.resourceOf(wait.resource);
  if (row?.name !== undefined) {
    return wait.kind.endsWith('.acquire') ? `${wait.kind} ${row.key}` : `${wait.kind} ${row.key} ${wait.place}`;
  }
  if (row?.kind !== 'job') return `${wait.kind}  ${wait.place}`;
  return `${wait.kind} ${row.parent}${isOfFar(row, index) ? farPlace(row, index) : ''} ${wait.place}`;
}
