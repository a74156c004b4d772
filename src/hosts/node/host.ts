// The host port on Node, Bun and Deno: their own loop, clocks, signals and AsyncLocalStorage.
//
// The functions of the loop come from `node:timers` and the clock from `node:perf_hooks`, when this
// file is loaded. They do not come from the globals when they are called: the fake timers of a test
// runner (Jest, Vitest, sinon) replace the globals, and every server would hang. FakeClock replaces
// maitre's own clock.
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { constants } from 'node:os';
import { performance } from 'node:perf_hooks';
import { clearTimeout, setImmediate, setTimeout } from 'node:timers';
import { inspect } from 'node:util';
import { threadId } from 'node:worker_threads';
import { describeThrown, disposable, escapeLines } from '../../base/index.ts';
import { type ActiveResource, type Host, installHost } from '../../core/index.ts';
import { dumpOnSignal } from './dump-signal.ts';
import { endProcess } from './end-process.ts';
import { takeSignalListener } from './supervised.ts';

const now = performance.now.bind(performance);
const nextTick = process.nextTick.bind(process);

/** What counts as the host's own: streams of the process, and steps that end by themselves. */
const OWN = /^(TTYWrap|PipeWrap|Immediate|FSReq|WriteWrap|SimpleWriteWrap|LibuvStreamWrap|TickObject|ShutdownWrap)/;
const IO = /TCP|UDP|TLS|Pipe|Process|AddrInfo/;

function classOf(name: string): ActiveResource['class'] {
  if (OWN.test(name)) return 'own';
  if (name === 'Timeout') return 'timer';
  return IO.test(name) ? 'io' : 'other';
}

/**
 * Tests once whether a store entered inside the `run` of another storage stays with the caller, as
 * on Node 20 and 22.
 */
function triesEnterWith(): boolean {
  const [outer, inner] = [new AsyncLocalStorage<number>(), new AsyncLocalStorage<number>()];
  const leaks = outer.run(1, () => {
    outer.run(2, () => inner.enterWith(3));
    return inner.getStore() === 3;
  });
  inner.disable();
  outer.disable();
  return leaks;
}

const storage = new AsyncLocalStorage<unknown>();

/**
 * Whether an `enterWith` inside `runInAsyncScope` ends with it: not on Node 20 and 22, where it stays
 * with the resource.
 */
function triesScope(): boolean {
  const inner = new AsyncLocalStorage<number>();
  const resource = new AsyncResource('maitre', { requireManualDestroy: true });
  resource.runInAsyncScope(() => inner.enterWith(1));
  const ends = inner.getStore() === undefined && resource.runInAsyncScope(() => inner.getStore()) === undefined;
  inner.disable();
  return ends;
}

/**
 * The functions to call when the loop is empty. One listener calls all, because Node warns of many
 * listeners. Each is wrapped in an object, because one function can be there twice.
 */
const onEmptyLoop = new Set<{ readonly fn: () => void }>();

function tellEmptyLoop(): void {
  for (const { fn } of onEmptyLoop) fn();
}

/**
 * Formats what was thrown, with its stack. An error whose fields throw when they are read is still
 * reported.
 */
function inspected(error: unknown): string {
  try {
    return inspect(error);
  } catch {
    return describeThrown(error);
  }
}

/** How many reports are on their way to standard error. */
let writing = 0;
const passOver = (): void => undefined;

/**
 * Writes to standard error. Its reader can be gone, and the 'error' event of that would end the
 * process. So a listener handles the event from the write until the turn after the callback of the
 * write, in which the event comes. What users write at another time fails as usual.
 */
function writeReport(text: string): void {
  const { stderr } = process;
  if (writing++ === 0) stderr.on('error', passOver);
  stderr.write(text, () => {
    setImmediate(() => {
      if (--writing === 0) stderr.off('error', passOver);
    });
  });
}

const nodeHost: Host = {
  name: 'node',
  threadId,
  timeOrigin: performance.timeOrigin,
  now,
  // Outside of every task: the timer of the loop would keep the task that happened to start it, and
  // its result, until it is due.
  setTimer: (ms, fn) => nodeHost.carrier.run(undefined, () => setTimeout(fn, ms), undefined),
  clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout), // setTimer made it
  holdTimer: (timer, on) => void (on ? (timer as NodeJS.Timeout).ref() : (timer as NodeJS.Timeout).unref()), // as above
  nextTurn: (fn) => void setImmediate(fn),
  // Not a tick: a tick runs after the callback of each socket, and this runs after the callbacks of
  // all sockets that were ready. uvloop flushes there, too.
  endOfTurn: (fn) => void setImmediate(fn),
  // A tick that a microtask queues runs once all microtasks have run.
  afterMicrotasks: (fn) => nextTick(fn),
  random: () => Math.random(),
  // `run` makes two Maps with all stores of the context: one for its function, one to go back to.
  carrier: Object.assign(storage, {
    enter: triesScope() ? (store: unknown): void => storage.enterWith(store) : undefined,
  }),
  enterWithLeaks: triesEnterWith(),
  // Not AsyncLocalStorage.snapshot(), which does the same: on Node 20 to 24 it takes 20 to 50 us, for a
  // resource that the garbage collector must destroy.
  captureContext: () => {
    const resource = new AsyncResource('maitre', { requireManualDestroy: true });
    return <A, R>(fn: (argument: A) => R, argument?: A): R =>
      resource.runInAsyncScope(fn as (argument?: A) => R, undefined, argument);
  },
  report: (...[text, ...error]) =>
    writeReport(
      [`maitre: ${escapeLines(text)}\n`, ...error.map((each) => `${escapeLines(inspected(each))}\n`)].join(''),
    ),
  onSignal(names, fn) {
    const numbers: Readonly<Record<string, number>> = constants.signals;
    const undo = names.map((name) => {
      const listener = (): void => fn(name, numbers[name] ?? 0);
      const taken = takeSignalListener(name, listener);
      if (taken !== undefined) return taken;
      process.on(name, listener);
      return disposable(() => void process.off(name, listener));
    });
    return disposable(() => {
      for (const each of undo) each[Symbol.dispose]();
    });
  },
  onRun: dumpOnSignal,
  onEmptyLoop(fn) {
    if (onEmptyLoop.size === 0) process.on('beforeExit', tellEmptyLoop);
    const entry = { fn };
    onEmptyLoop.add(entry);
    return disposable(() => {
      onEmptyLoop.delete(entry);
      if (onEmptyLoop.size === 0) process.off('beforeExit', tellEmptyLoop);
    });
  },
  ...(typeof process.getActiveResourcesInfo === 'function'
    ? { activeResources: () => process.getActiveResourcesInfo().map((name) => ({ name, class: classOf(name) })) }
    : undefined),
  exitNow: (code) => process.exit(code),
  exitWhenWritten: endProcess,
  exitWith(code, error) {
    // Setting process.exitCode alone is not enough: an uncaught error sets it again.
    process.on('uncaughtExceptionMonitor', (uncaught) => {
      if (uncaught === error) process.on('exit', () => (process.exitCode = code));
    });
  },
};

/** Where the first copy of maitre in this process stores its host, for other copies to find. */
const FIRST_COPY = Symbol.for('maitre.host');

/**
 * Installs this host. The entry modules call it. It warns once if another copy of maitre is loaded
 * in this process: each copy has its own tasks, clock and exception handler, and `instanceof` does
 * not recognise classes of the other.
 */
export function installNodeHost(): void {
  const registry = globalThis as { [FIRST_COPY]?: { readonly host: Host; warned: boolean } };
  const first = (registry[FIRST_COPY] ??= { host: nodeHost, warned: false });
  if (first.host !== nodeHost && !first.warned) {
    first.warned = true;
    process.emitWarning(
      'Two copies of maitre are loaded: tasks of one are unknown to the other. Have one version installed: npm ls maitre',
    );
  }
  installHost(nodeHost);
}
