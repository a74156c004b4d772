// A clock that only work moves, for a process that measures itself: import it before anything of maitre. A busy machine
// stops a process anywhere, and what was stopped in between would count as work.
import { performance } from 'node:perf_hooks';

/** Milliseconds that each look at the clock takes, so that no two events are at once. */
const LOOK = 0.001;

let now = performance.now();

performance.now = () => (now += LOOK);

/** Works for so many milliseconds. */
export function burn(ms: number): void {
  now += ms;
}
