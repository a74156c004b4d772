// The host port: everything that core needs from its runtime, and all that it may use of it. An
// entry module (index.node.ts, core.web.ts) installs one host. Pure rooms ask the host instead of
// the globals, so time is never ambient, and the same core runs on Node, Bun, Deno and in browsers.

/**
 * Carries the current scope through `await`: AsyncLocalStorage where there is one, nothing in
 * browsers.
 */
export interface Carrier {
  /** Returns what `run` put there; undefined outside. */
  getStore(): unknown;
  /** Calls `fn(argument)` with `store` in place, also for what `fn` awaits. */
  run<A, R>(store: unknown, fn: (argument: A) => R, argument: A): R;
  /**
   * Puts `store` in place for the rest of a function that a captured context runs. Half the cost of
   * `run`. Absent where it would outlive that function.
   */
  readonly enter?: ((store: unknown) => void) | undefined;
}

/** Runs a function in an async context that was captured. */
export type InContext = <R, A = undefined>(fn: (argument: A) => R, argument?: A) => R;

/** Something of the host that keeps its loop alive. */
export interface ActiveResource {
  /** The host's word for it, for messages. */
  readonly name: string;
  /**
   * What it is to maitre: `io` can bring something (sockets, processes, look-ups), `own` comes and
   * goes by itself (streams of the process).
   */
  readonly class: 'io' | 'timer' | 'own' | 'other';
}

/** What a host implements. A member that is optional is absent where the host cannot do it. */
export interface Host {
  /** The host's name, for messages: `node`, `web`. */
  readonly name: string;
  /** The thread of the process, 0 for the main one. Ids are counted per thread. */
  readonly threadId: number;
  /** The time at which `now()` was 0, in milliseconds since the epoch. */
  readonly timeOrigin: number;
  /** Returns monotonic time, in milliseconds with fractions. */
  now(): number;
  /**
   * Starts one host timer and returns it. `ms` is an integer >= 1. The timer keeps the process
   * alive. Undone by `clearTimer`.
   */
  setTimer(ms: number, fn: () => void): unknown;
  clearTimer(timer: unknown): void;
  /**
   * Sets whether a pending timer of `setTimer` keeps the process alive. Absent where there is no
   * process, or no way to set that.
   */
  holdTimer?(timer: unknown, on: boolean): void;
  /**
   * Runs `fn` in the next turn of the loop, after I/O could run: setImmediate or its equivalent.
   */
  nextTurn(fn: () => void): void;
  /**
   * Runs `fn` at the end of this turn of the loop: after the callbacks that are due in it, and
   * before the loop waits for I/O again.
   */
  endOfTurn(fn: () => void): void;
  /**
   * Runs `fn` when all microtasks have run, including those that they queue. Absent where the host
   * cannot tell.
   */
  afterMicrotasks?(fn: () => void): void;
  /** Returns a random number, 0 <= x < 1. */
  random(): number;
  readonly carrier: Carrier;
  /**
   * True if `enterWith` of a user's AsyncLocalStorage, called inside a `run`, still has effect when
   * the `run` has returned: the host keeps async contexts per resource.
   */
  readonly enterWithLeaks: boolean;
  /**
   * Captures the async context of the caller (its AsyncLocalStorage values). Returns a function
   * that runs others in it.
   */
  captureContext(): InContext;
  /**
   * Writes the default report of an error that no code received, or of a text alone, to standard
   * error or to the console of the browser.
   */
  report(...what: readonly [text: string, error?: unknown]): void;
  /**
   * Calls `fn` for each of the named process signals until disposed. Absent where there are none.
   */
  onSignal?(names: readonly string[], fn: (name: string, number: number) => void): Disposable;
  /** Called by each run() that handles signals, and undone at its end. Absent: nothing is to be done. */
  onRun?(): Disposable;
  /**
   * Calls `fn` each time nothing is left that could happen, before the process ends. Absent where
   * the host cannot tell.
   */
  onEmptyLoop?(fn: () => void): Disposable;
  /**
   * Returns what keeps the host's loop alive, for leak checks. Absent where the host cannot tell.
   */
  activeResources?(): readonly ActiveResource[];
  /** Ends the process at once. Absent where there is none. */
  exitNow?(code: number): void;
  /**
   * Ends the process when its output has been taken, in bounded time. Never settles. Absent where
   * there is no process.
   */
  exitWhenWritten?(code: number): Promise<never>;
  /**
   * Makes the process exit with `code` if `error` ends it as an uncaught error. Absent where there
   * is no process.
   */
  exitWith?(code: number, error: unknown): void;
}

/** The installed host. It is a live binding, so hot paths read it without a call. */
export let host: Host = new Proxy({} as Host, {
  get() {
    throw new Error("Cannot use maitre: no host is installed, import it from 'maitre' or 'maitre/core'");
  },
});

/**
 * Returns a random number, 0 <= x < 1, from the host. Use it in place of `Math.random` where the
 * code must not depend on a host.
 *
 * @example
 * ```ts
 * import { random } from 'maitre/lowlevel';
 * const jitter = 100 * random(); // milliseconds
 * console.log(jitter < 100); // true
 * ```
 */
export function random(): number {
  return host.random();
}

/** Installs a host. Each entry module calls it once. The first host stays. */
export function installHost(candidate: Host): void {
  if (installed) return;
  installed = true;
  host = candidate;
}
let installed = false;
