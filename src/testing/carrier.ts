// Whether the host carries the current task through `await`. Browsers do not: there, a wait without a
// signal belongs to no task and to no scope.
import { host } from '../core/index.ts';

/** Undefined until asked. */
let carries: boolean | undefined;

/** Whether waits find their task by themselves on this host. */
export function hasCarrier(): boolean {
  return (carries ??= host.carrier.run({}, () => host.carrier.getStore() !== undefined, undefined));
}
