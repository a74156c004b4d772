// Side by side: one dinner from a seed, served twice by the real library, in memory, on virtual
// time. Once the server stands at each table until its guest is done; once it walks on.
//
// - Guests, orders and meals are the same in both. What differs is one option (`concurrency: 1`) or
//   one word (`cookSync`, which blocks the loop).
// - Virtual time moves in two ways: it jumps to the next deadline when every task waits, and code
//   that works moves it on by the length of that work. So all times are exact, and a run of minutes
//   takes milliseconds.
// - What is shown was measured by an instrument, as in a server process: each step with its length,
//   each wait, each job. There is no ambient task in browsers: the signal of the task stands for it.
import { addInstrument, gather, loopTime, createTask, sleep, type Task } from '../../../core/index.ts';
import { serveInMemory } from '../../../simulation/index.web.ts';
import { runWithFakeClock, seededRandom, type FakeClock } from '../../../testing/index.ts';
import type { Handler } from '../../../net/index.web.ts';
import { Observer, type Observed } from './observer.ts';

/** How the waiter stands: one handler at a time, or a handler that keeps the loop. */
export type Standing = 'concurrency' | 'blocking';

export interface Choice {
  /** 1 to 16. */
  readonly guests: number;
  readonly seed: number;
  /** The share of the kitchen in the work for each guest, 0 to 1. The rest is the handler's own. */
  readonly kitchen: number;
  readonly standing: Standing;
}

/** What a guest does and orders. Milliseconds. */
export interface Guest {
  readonly arrives: number;
  /** From being seated to the order. */
  readonly thinks: number;
  /** The handler's own code. */
  readonly work: number;
  /** The kitchen. */
  readonly cooks: number;
}

/**
 * What a guest saw, in milliseconds since the first could come. It comes and orders when it means
 * to, also while the loop is blocked: a guest is elsewhere.
 */
export interface GuestLog {
  readonly arrived: number;
  readonly ordered: number;
  readonly left: number;
}

export interface Dinner extends Observed {
  readonly guests: readonly GuestLog[];
  /** When the last guest left. */
  readonly end: number;
  /** How long the waiter could not walk on, though other guests were there. Milliseconds. */
  readonly stood: number;
}

export interface Pair {
  readonly choice: Choice;
  readonly stands: Dinner;
  readonly walks: Dinner;
}

/** Guests come within this time, in milliseconds. */
const ARRIVALS = 120;

/** The guests of a seed: the same for both dinners. */
export function guestsOf({ guests, seed, kitchen }: Choice): readonly Guest[] {
  const random = seededRandom(seed);
  const between = (least: number, most: number): number => least + random() * (most - least);
  const list: Guest[] = [];
  for (let n = 0; n < guests; n++) {
    const meal = between(140, 260);
    list.push({
      arrives: (ARRIVALS * (n + random())) / guests,
      thinks: between(4, 40),
      work: meal * (1 - kitchen),
      cooks: meal * kitchen,
    });
  }
  return list;
}

/** Serves both dinners, one after the other. */
export async function serveBoth(choice: Choice): Promise<Pair> {
  const stands = await serve(choice, choice.standing);
  const walks = await serve(choice, undefined);
  return { choice, stands, walks };
}

const FIRST_PORT = 50_001;

/** Serves one dinner; without a standing, the waiter walks on. */
async function serve(choice: Choice, standing: Standing | undefined): Promise<Dinner> {
  const guests = guestsOf(choice);
  return runWithFakeClock(async (clock) => {
    const observer = new Observer(clock);
    using _instrument = addInstrument(observer);
    const handler = handlerOf({ clock, observer, guests, blocks: standing === 'blocking' });
    const logs: GuestLog[] = [];
    {
      await using served = serveInMemory(handler, standing === 'concurrency' ? { concurrency: 1 } : {});
      await gather(
        guests.map((guest, n) =>
          createTask(async (task) => {
            logs[n] = await dine(guest, n, task, (peer) => served.connect({ peer, signal: task.signal }));
          }),
        ),
      );
    }
    const end = Math.max(0, ...logs.map(({ left }) => left));
    const observed = observer.result(guests.length);
    return { ...observed, guests: logs, end, stood: stoodFor(observed, logs, standing) };
  });
}

type Connect = (peer: {
  address: string;
  port: number;
  family: 'IPv4';
}) => ReturnType<ReturnType<typeof serveInMemory>['connect']>;

/** A guest: comes, thinks, orders, eats, leaves. */
async function dine(
  { arrives, thinks }: Guest,
  n: number,
  { signal }: Task<unknown>,
  connect: Connect,
): Promise<GuestLog> {
  const ordered = arrives + thinks;
  await sleep(arrives, undefined, { signal });
  await using client = await connect({ address: '127.0.0.1', port: FIRST_PORT + n, family: 'IPv4' });
  await sleep(Math.max(0, ordered - loopTime()), undefined, { signal });
  client.writer.write(`meal ${n + 1}\n`);
  client.writer.writeEof();
  await client.reader.read(-1, { signal });
  return { arrived: arrives, ordered, left: loopTime() };
}

interface House {
  readonly clock: FakeClock;
  readonly observer: Observer;
  readonly guests: readonly Guest[];
  readonly blocks: boolean;
}

function handlerOf({ clock, observer, guests, blocks }: House): Handler {
  return async (reader, writer, { task, peer }) => {
    const n = 'port' in peer ? peer.port - FIRST_PORT : 0;
    const { work, cooks } = guests[n] as Guest; // the guest of this port
    if (task === undefined) return; // the task of a handler that runs is known
    const { signal } = task;
    observer.seat(task, n);
    const order = await reader.readLine({ signal });
    clock.elapse(work);
    if (blocks) {
      observer.keeps(task, cooks);
      clock.elapse(cooks);
    } else {
      await observer.job(task, () => sleep(cooks, undefined, { signal }));
    }
    writer.write(order ?? new Uint8Array());
    await writer.drain({ signal });
  };
}

/**
 * How long the waiter stood: with `concurrency: 1`, while its one guest was served and another was
 * there; else while a call blocked.
 */
function stoodFor({ visits, turns }: Observed, logs: readonly GuestLog[], standing: Standing | undefined): number {
  if (standing !== 'concurrency') return visits.reduce((sum, { kept }) => sum + kept, 0);
  let stood = 0;
  turns.forEach(({ begin, end }, guest) => {
    // Others are there from the first arrival that is not served yet.
    const others = logs.filter(({ left }, n) => n !== guest && left > begin).map(({ arrived }) => arrived);
    stood += Math.max(0, end - Math.max(begin, Math.min(Infinity, ...others)));
  });
  return stood;
}
