// node examples/philosophers.ts         (Node 24 or later; npx tsx examples/philosophers.ts before)
//
// Five philosophers sit around a table, with one fork between each two. A philosopher thinks, gets hungry, and needs both
// forks beside the plate to eat. If each takes the left one first, all may sit there with a left fork in hand, waiting for
// the right one, for ever: a deadlock. It cannot happen when everybody takes the fork with the lower number first: whoever
// has the highest fork that is taken waits for nobody.
import { fileURLToPath } from 'node:url';
import { Lock, loopTime, run, sleep, TaskGroup } from 'maitre';

const NAMES = ['Plato', 'Hypatia', 'Confucius', 'Avicenna', 'Arendt'];
/** Milliseconds. */
const THINKING = 20;
const EATING = 50;

/** Who ate how often, and how many ate at once at most. */
export interface Dinner {
  readonly meals: ReadonlyMap<string, number>;
  readonly mostAtOnce: number;
  /** How long it took, milliseconds. */
  readonly ms: number;
}

/** Lets every philosopher eat `rounds` times. */
export async function dine(rounds = 3, say: (line: string) => void = console.log): Promise<Dinner> {
  const forks = NAMES.map((_, number) => new Lock({ name: `fork ${number}` }));
  const meals = new Map(NAMES.map((name) => [name, 0]));
  const start = loopTime();
  let eating = 0;
  let mostAtOnce = 0;

  async function philosophize(seat: number, name: string): Promise<void> {
    const right = (seat + 1) % NAMES.length;
    const low = Math.min(seat, right);
    const high = Math.max(seat, right);
    for (let round = 1; round <= rounds; round++) {
      await sleep(THINKING);
      // `using` puts the forks down, however this ends: well, with an error, or because the dinner was cancelled.
      using _first = await (forks[low] as Lock).acquire(); // there is a fork for every seat
      using _second = await (forks[high] as Lock).acquire();
      mostAtOnce = Math.max(mostAtOnce, ++eating);
      await sleep(EATING);
      eating--;
      meals.set(name, round);
      say(`${String(Math.round(loopTime() - start)).padStart(5)} ms  ${name} has eaten meal ${round}`);
    }
  }

  await TaskGroup.run((group) => {
    for (const [seat, name] of NAMES.entries()) group.createTask(() => philosophize(seat, name), { name });
  });
  return { meals, mostAtOnce, ms: loopTime() - start };
}

async function main(): Promise<void> {
  const { mostAtOnce, ms } = await dine();
  console.log(`all have eaten after ${ms.toFixed(0)} ms, at most ${mostAtOnce} at once`);
}

// Not when a test imports it.
if (process.argv[1] === fileURLToPath(import.meta.url)) await run(main);
