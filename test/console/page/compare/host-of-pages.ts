// The library as the page has it is compiled apart from that of the tests, to build/page, and needs a host of its own:
// as browsers have it, without an ambient task.
import { installHost } from '#page/core/index.js';

export function useHostWithoutCarrier(): void {
  installHost({
    name: 'web',
    threadId: 0,
    timeOrigin: performance.timeOrigin,
    now: () => performance.now(),
    setTimer: (ms, fn) => setTimeout(fn, ms),
    clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout), // setTimer made it
    nextTurn: (fn) => void setImmediate(fn),
    endOfTurn: (fn) => void Promise.resolve().then(fn),
    random: () => Math.random(),
    carrier: { getStore: () => undefined, run: (_store, fn, argument) => fn(argument) },
    enterWithLeaks: false,
    captureContext:
      () =>
      <A, R>(fn: (argument: A) => R, argument?: A): R =>
        (fn as (argument?: A) => R)(argument),
    report: (text, ...error) => console.error(text, ...error),
  });
}
