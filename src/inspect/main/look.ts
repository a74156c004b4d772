// What the main thread does at this moment. Called from within blocked code, at any point of
// anybody's code, like a signal handler. So it only reads, is bounded, never throws, and calls no
// code of users: no getters, no toString, no prepareStackTrace.
import { url } from 'node:inspector';
import { currentTask, Resource } from '../../core/index.ts';
import { framesOf, shortName } from '../../introspect/index.ts';
import { Connection, formatAddress } from '../../net/index.ts';
import type { Look, Pulse } from '../crossing.ts';

/** The most frames of a stack. */
const FRAMES = 30;
/** How many resources are looked through for the connection of a task. */
const MOST = 20_000;

/** The function that the worker calls. Its callers on the stack are what runs. */
export type Interrupt = (text: string) => string;

/** Returns what runs. Undefined: nothing does, this is a turn of its own. */
export function look(pulse: Pulse, interrupt: Interrupt | undefined): Look {
  const task = currentTask();
  const connection = task === undefined ? undefined : connectionOf(task);
  return {
    beats: pulse.beats,
    task: task?.id ?? null,
    // A name that was not read yet may be computed by code of users; that of a connection is not.
    name: task === undefined ? null : shortName(task.knownName ?? connection?.taskName ?? `Task-${task.id}`),
    peer: connection === undefined ? null : formatAddress(connection.peer),
    stack: interrupt === undefined ? [] : stackBelow(interrupt),
    debuggerUrl: url() ?? null,
  };
}

/** That of Node 20 and 22, unless the program has set its own before this. */
const ownPrepare: unknown = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace')?.value;

// That of the engine: a program may put one of its own in its place.
const capture = (Error as { captureStackTrace?: (target: object, below: Interrupt) => void }).captureStackTrace;

/** The frames below `below`. Source maps count, as the runtime itself applies them. */
function stackBelow(below: Interrupt): string[] {
  const at: { stack?: unknown } = {};
  // By descriptors, because both may be accessors of users, and Error may be frozen.
  const limit = override('stackTraceLimit', FRAMES);
  const prepare = override('prepareStackTrace', undefined);
  try {
    if (prepare === undefined && hasPrepare()) return []; // a function of users must not run here
    capture?.(at, below);
    const { stack } = at;
    return typeof stack === 'string' ? framesBelow(stack) : [];
  } catch {
    return [];
  } finally {
    prepare?.();
    limit?.();
  }
}

/** Sets a property of Error, and returns what undoes it; undefined if it cannot be changed. */
function override(name: 'stackTraceLimit' | 'prepareStackTrace', value: unknown): (() => void) | undefined {
  const before = Object.getOwnPropertyDescriptor(Error, name);
  if (before === undefined ? !Object.isExtensible(Error) : before.configurable !== true) return undefined;
  Object.defineProperty(Error, name, { value, writable: true, enumerable: true, configurable: true });
  return () => {
    if (before === undefined) Reflect.deleteProperty(Error, name);
    else Object.defineProperty(Error, name, before);
  };
}

/** Whether a function of the program formats stacks. */
function hasPrepare(): boolean {
  const found = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  if (found === undefined) return false;
  return 'get' in found || (typeof found.value === 'function' && found.value !== ownPrepare);
}

function framesBelow(stack: string): string[] {
  const frames = framesOf(stack);
  return frames[0]?.startsWith('<anonymous>:1:') === true ? frames.slice(1) : frames; // the expression that was evaluated
}

/** The connection that the task serves. */
function connectionOf(task: object): Connection | undefined {
  let count = 0;
  for (const resource of Resource.live) {
    if (++count > MOST) return undefined;
    if (resource instanceof Connection && resource.task === task) return resource;
  }
  return undefined;
}
