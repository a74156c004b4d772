// node examples/producer-consumer.ts    (Node 24 or later; npx tsx examples/producer-consumer.ts before)
//
// A bakery: bakers put loaves on a shelf, customers take them from it. The shelf is a bounded queue. When it is full the
// bakers wait, when it is empty the customers do: the faster side is slowed to the pace of the other, and no more loaves lie
// around than the shelf has room for.
//
// Closing is a shutdown of the queue: the bakers are told at their next loaf (QueueShutDown), the customers take what is
// left and then see the end of their loop. Nobody counts messages, nobody is left waiting, no loaf is lost.
import { fileURLToPath } from 'node:url';
import { loopTime, Queue, QueueShutDown, run, sleep, TaskGroup } from 'maitre';

export interface Bakery {
  readonly bakers: number;
  readonly customers: number;
  /** How many loaves the shelf holds. */
  readonly shelf: number;
  /** Milliseconds a baker needs for a loaf. */
  readonly baking: number;
  /** Milliseconds a customer needs for a loaf. */
  readonly eating: number;
  /** It closes after so many milliseconds. */
  readonly open: number;
}

/** What happened on that day. */
export interface Day {
  readonly baked: number;
  readonly eaten: readonly string[];
  /** The most loaves that lay on the shelf. */
  readonly fullest: number;
  /** When the last customer left, milliseconds after the opening. */
  readonly left: number;
}

/** Runs the bakery for a day. */
export async function openBakery({ bakers, customers, shelf, baking, eating, open }: Bakery): Promise<Day> {
  const loaves = new Queue<string>(shelf);
  const start = loopTime();
  const eaten: string[] = [];
  let baked = 0;
  let fullest = 0;

  async function bake(baker: number): Promise<void> {
    try {
      for (let number = 1; ; number++) {
        await sleep(baking);
        await loaves.put(`loaf ${number} of baker ${baker}`); // waits while the shelf is full
        baked++;
        fullest = Math.max(fullest, loaves.qsize());
      }
    } catch (error) {
      if (!(error instanceof QueueShutDown)) throw error; // closing time
    }
  }

  async function eat(): Promise<void> {
    for await (const loaf of loaves) {
      await sleep(eating);
      eaten.push(loaf);
      loaves.taskDone();
    }
  }

  await TaskGroup.run(async (group) => {
    for (let baker = 1; baker <= bakers; baker++) group.createTask(() => bake(baker), { name: `baker ${baker}` });
    for (let customer = 1; customer <= customers; customer++) group.createTask(eat, { name: `customer ${customer}` });
    await sleep(open);
    loaves.shutdown();
    await loaves.join(); // all that was on the shelf is eaten
  });
  return { baked, eaten, fullest, left: loopTime() - start };
}

async function main(): Promise<void> {
  const day = await openBakery({ bakers: 3, customers: 2, shelf: 5, baking: 20, eating: 40, open: 1000 });
  console.log(`baked ${day.baked}, eaten ${day.eaten.length}, at most ${day.fullest} on the shelf`);
  console.log(`closed after 1000 ms, the last customer left after ${day.left.toFixed(0)} ms`);
}

// Not when a test imports it.
if (process.argv[1] === fileURLToPath(import.meta.url)) await run(main);
