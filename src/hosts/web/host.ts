// The host port in browsers, and wherever there are timers and promises. It has no ambient task
// (nothing carries one through `await`), no signals and no process. Code passes `task.signal` on
// instead, which has the same effect.
import { type Host, installHost } from '../../core/index.ts';

/**
 * Returns a function that calls another one after a full turn of the loop. A message comes after
 * what I/O has queued, and unlike a timer it is not delayed by 4 ms.
 */
function makeNextTurn(): (fn: () => void) => void {
  if (typeof MessageChannel === 'undefined') return (fn) => void setTimeout(fn, 0);
  const { port1, port2 } = new MessageChannel();
  const waiting: (() => void)[] = [];
  port1.addEventListener('message', () => waiting.shift()?.());
  port1.start();
  return (fn) => {
    waiting.push(fn);
    port2.postMessage(undefined);
  };
}

let nextTurn: ((fn: () => void) => void) | undefined;

const webHost: Host = {
  name: 'web',
  threadId: 0, // a worker of a page cannot tell which one it is
  get timeOrigin() {
    return typeof performance === 'undefined' ? 0 : performance.timeOrigin;
  },
  now: () => (typeof performance === 'undefined' ? Date.now() : performance.now()),
  setTimer: (ms, fn) => setTimeout(fn, ms),
  clearTimer: (timer) => clearTimeout(timer as number), // setTimer made it
  nextTurn: (fn) => (nextTurn ??= makeNextTurn())(fn),
  endOfTurn: (fn) => void Promise.resolve().then(fn),
  random: () => Math.random(),
  carrier: { getStore: () => undefined, run: (_store, fn, argument) => fn(argument) },
  enterWithLeaks: false,
  captureContext:
    () =>
    <A, R>(fn: (argument: A) => R, argument?: A): R =>
      (fn as (argument?: A) => R)(argument),
  report: (text, ...error) => console.error(`maitre: ${text}`, ...error),
};

/** Installs this host. The entry modules call it. */
export function installWebHost(): void {
  installHost(webHost);
}
