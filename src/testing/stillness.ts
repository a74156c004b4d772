// Whether real I/O may still be on its way, before a fake clock jumps: a kernel needs real time to connect and to deliver,
// and a jump meanwhile would fire the timeouts of what is about to arrive.
//
// Without sockets of the host's that were opened since, nothing can come. With some, every task must stand at the same waits
// for QUIET real milliseconds and LOOKS looks: on a busy machine time passes without the loop having had its turn. And no step of
// anybody's may be due in the next turn (Node tells of those): a peer in this process may take many turns for an answer. Who
// always has one, a loop of setImmediate, is not waited for longer than RESTLESS real milliseconds.
// Hosts that do not tell what they have open (Bun) are taken to have nothing.
import { type ActiveResource, host, liveTasks, type Wait, waitsOf } from '../core/index.ts';

/** Real milliseconds in which nothing moves. */
const QUIET = 3;
const LOOKS = 3;
const RESTLESS = 1000;

export class Stillness {
  readonly #openBefore: number = countOpen(active());
  #waits: readonly Wait<unknown>[] = [];
  #since = 0;
  #looks = 0;
  /** Since when each look has found a step that is due; undefined when the last one found none. */
  #restlessSince: number | undefined = undefined;

  /** A look: true when nothing is on its way. Looks are a real millisecond or more apart. */
  reached(): boolean {
    const resources = active();
    if (countOpen(resources) <= this.#openBefore) return true;
    const waits = [...liveTasks()].flatMap((task) => waitsOf(task));
    const isRestless = this.#isRestless(resources);
    const same =
      !isRestless && waits.length === this.#waits.length && waits.every((wait, i) => wait === this.#waits[i]);
    if (same && (++this.#looks < LOOKS || host.now() - this.#since < QUIET)) return false;
    this.#waits = waits; // also after it was still: what a jump fires may send something without moving a wait
    this.#since = host.now();
    this.#looks = 0;
    return same;
  }

  #isRestless(resources: readonly ActiveResource[]): boolean {
    if (!resources.some(({ name }) => name === 'Immediate')) {
      this.#restlessSince = undefined;
      return false;
    }
    this.#restlessSince ??= host.now();
    return host.now() - this.#restlessSince < RESTLESS;
  }
}

function active(): readonly ActiveResource[] {
  return host.activeResources?.() ?? [];
}

function countOpen(resources: readonly ActiveResource[]): number {
  return resources.filter((each) => each.class === 'io').length;
}
