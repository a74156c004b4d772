// The host port: everything core needs from the runtime it lives in, and all that it may use of it.
// An entry module (index.node.ts, core.web.ts) installs one host; pure rooms ask it instead of the globals, so time is
// never ambient and the same core runs on Node, Bun, Deno and in browsers.

/** Carries the current task through `await`: AsyncLocalStorage where there is one, nothing in browsers. */
export interface Carrier {
  getStore(): unknown;
  run<A, R>(store: unknown, fn: (argument: A) => R, argument: A): R;
}

/** Something of the host's that keeps its loop alive. */
export interface ActiveResource {
  /** The host's word for it, for messages. */
  readonly name: string;
  /** What it is to maitre: `io` may bring something (sockets, processes, look-ups); `own` comes and goes by itself (streams of the process). */
  readonly class: 'io' | 'timer' | 'own' | 'other';
}

export interface Host {
  /** The host's name, for messages: `node`, `web`. */
  readonly name: string;
  /** Which thread of the process this is; 0 for the main one. Ids are counted per thread. */
  readonly threadId: number;
  /** Milliseconds since the epoch at which `now()` was 0. */
  readonly timeOrigin: number;
  /** Monotonic time, milliseconds with fractions. */
  now(): number;
  /** One host timer; `ms` is a whole number >= 1. It keeps the process alive. */
  setTimer(ms: number, fn: () => void): unknown;
  clearTimer(timer: unknown): void;
  /** Says whether a pending timer of setTimer's keeps the process alive. Absent where there is no process, or no way to say so. */
  holdTimer?(timer: unknown, on: boolean): void;
  /** Runs `fn` in the next turn of the loop, after I/O had its chance: setImmediate or the host's equal. */
  nextTurn(fn: () => void): void;
  /** Runs `fn` at the end of this turn of the loop: after the callbacks that are due in it, before the loop waits for I/O again. */
  endOfTurn(fn: () => void): void;
  /** Runs `fn` when all microtasks have run, those that they make included. Absent where the host cannot tell. */
  afterMicrotasks?(fn: () => void): void;
  /** A random number, 0 <= x < 1. */
  random(): number;
  readonly carrier: Carrier;
  /** `enterWith` of a user's AsyncLocalStorage, called in a `run`, still counts when that has returned: async contexts are kept per resource. */
  readonly enterWithLeaks: boolean;
  /** Captures the caller's context (its AsyncLocalStorage values) and gives a way back into it. */
  captureContext(): <R>(fn: () => R) => R;
  /** Writes the default report of an error nobody took, or of a text that says it all: to standard error, or the browser's console. */
  report(...what: readonly [text: string, error?: unknown]): void;
  /** Calls `fn` for each of the signals, by their names, until disposed. Absent where there are none. */
  onSignal?(names: readonly string[], fn: (name: string, number: number) => void): Disposable;
  /** Calls `fn` each time nothing is left that could happen, before the process ends. Absent where the host cannot tell. */
  onEmptyLoop?(fn: () => void): Disposable;
  /** What keeps the host's loop alive, for leak checks. Absent where it cannot tell. */
  activeResources?(): readonly ActiveResource[];
  /** Ends the process at once. Absent where there is none. */
  exitNow?(code: number): void;
  /** Ends the process when its output has been taken, in bounded time; never settles. Absent where there is none. */
  exitWhenWritten?(code: number): Promise<never>;
  /** Has the process exit with `code` if `error` ends it, uncaught. Absent where there is none. */
  exitWith?(code: number, error: unknown): void;
}

/** The installed host. A live binding: hot paths read it without a call. */
export let host: Host = new Proxy({} as Host, {
  get() {
    throw new Error("Cannot use maitre: no host is installed, import it from 'maitre' or 'maitre/core'");
  },
});

/** A random number, 0 <= x < 1, from the host. */
export function random(): number {
  return host.random();
}

/** Called once by each entry module; the first host stays. */
export function installHost(candidate: Host): void {
  if (installed) return;
  installed = true;
  host = candidate;
}
let installed = false;
