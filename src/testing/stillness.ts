// Whether real I/O may still be on its way, before a fake clock jumps: a kernel needs real time to connect and to deliver,
// and a jump meanwhile would fire the timeouts of what is about to arrive.
//
// Without sockets of the host's that were opened since, nothing can come. With some, every task must stand at the same waits
// for QUIET real milliseconds and LOOKS looks: on a busy machine time passes without the loop having had its turn. Hosts that do not tell what they have open (Bun) are taken to have nothing.
import { host, liveTasks, type Wait, waitsOf } from '../core/index.ts';

/** Real milliseconds in which nothing moves. */
const QUIET = 3;
const LOOKS = 3;

export class Stillness {
  readonly #openBefore: number = countOpen();
  #waits: readonly Wait<unknown>[] = [];
  #since = 0;
  #looks = 0;

  /** A look: true when nothing is on its way. Looks are a real millisecond or more apart. */
  reached(): boolean {
    if (countOpen() <= this.#openBefore) return true;
    const waits = [...liveTasks()].flatMap((task) => waitsOf(task));
    const same = waits.length === this.#waits.length && waits.every((wait, i) => wait === this.#waits[i]);
    if (same && (++this.#looks < LOOKS || host.now() - this.#since < QUIET)) return false;
    this.#waits = waits; // also after it was still: what a jump fires may send something without moving a wait
    this.#since = host.now();
    this.#looks = 0;
    return same;
  }
}

function countOpen(): number {
  return (host.activeResources?.() ?? []).filter((each) => each.class === 'io').length;
}
