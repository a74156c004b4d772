// What a worker has that is meant to be one for the whole program, and is one for each worker: named
// broadcasts, locks and limits. It tells the supervisor their names, which warns (repeated-names.ts).
//
// It looks when the worker is ready and then more and more rarely: most are made when the file is
// loaded. Rejected: a hook where resources are made, which every lock of every program would pay for.
import { clearTimeout, setTimeout } from 'node:timers';
import { disposable } from '../base/index.ts';
import { resourcesWithoutEnd } from '../core/index.ts';
import { tellSupervisor } from './channel.ts';
import { type NamedThing, NAMES_CHANNEL, SEPARATE } from './repeated-names.ts';
import { WorkerBroadcast } from './worker-broadcast.ts';

/** Milliseconds until the second look. Each of the next comes after twice the time, up to the last. */
const FIRST_PAUSE = 1000;
const LAST_PAUSE = 60_000;
/** How many names are told. A program with more makes them for something else, such as each user. */
const MOST_NAMES = 100;

/** Tells the supervisor which named things this worker has, now and later. Undone by disposing. */
export function tellNames(tell: (name: string, body: unknown) => void = tellSupervisor): Disposable {
  const told = new Set<string>();
  let next: NodeJS.Timeout | undefined;
  let pause = FIRST_PAUSE;
  const look = (): void => {
    const found = newNames(told);
    if (found.length > 0) tell(NAMES_CHANNEL, found);
    if (told.size >= MOST_NAMES) return;
    next = setTimeout(look, pause).unref(); // not of the loop's clock: it keeps no program running
    pause = Math.min(LAST_PAUSE, pause * 2);
  };
  look();
  return disposable(() => clearTimeout(next));
}

function newNames(told: Set<string>): NamedThing[] {
  const found: NamedThing[] = [];
  for (const resource of resourcesWithoutEnd()) {
    const { kind, name } = resource;
    if (name === undefined || !SEPARATE.has(kind) || resource instanceof WorkerBroadcast) continue;
    const key = `${kind} ${name}`;
    if (told.has(key)) continue;
    told.add(key);
    found.push({ kind, name });
    if (told.size >= MOST_NAMES) break;
  }
  return found;
}
