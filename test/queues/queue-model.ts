// Random lives of producers and consumers of one queue or channel, and what must hold whoever is cancelled, gives up, or
// finds it shut down: nothing is lost, nothing is doubled, and each consumer sees each producer's items in order.
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { createTask, QueueShutDown, sleep, timeout, TimeoutError } from 'maitre';
import { runWithFakeClock } from 'maitre/testing';

export interface Pipe {
  put(item: string): Promise<void>;
  get(): Promise<string>;
  /** Lets nothing in any more. */
  end(): void;
  /** How many items are inside, and how many tasks wait. */
  left(): { readonly items: number; readonly waiting: number };
  /** Items come out as they went in. */
  readonly fifo: boolean;
}

interface Actor {
  readonly startsAt: number;
  /** Pauses before each of its steps. */
  readonly pauses: readonly number[];
  readonly patience: number | undefined;
  readonly cancelledAt: number | undefined;
}

const ms = fc.integer({ min: 0, max: 8 });
const actor: fc.Arbitrary<Actor> = fc.record({
  startsAt: ms,
  pauses: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 6 }),
  patience: fc.option(ms, { nil: undefined, freq: 2 }),
  cancelledAt: fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined, freq: 2 }),
});
const actors = fc.array(actor, { minLength: 1, maxLength: 4 });

export async function checkPipe(make: () => Pipe): Promise<void> {
  const end = fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined });
  const property = fc.asyncProperty(actors, actors, end, (producers, consumers, endAt) =>
    runWithFakeClock(() => live(make(), producers, consumers, endAt)),
  );
  await fc.assert(property, { numRuns: 80 });
}

async function live(
  pipe: Pipe,
  producers: readonly Actor[],
  consumers: readonly Actor[],
  endAt: number | undefined,
): Promise<void> {
  const sent = new Set<string>();
  const received: string[] = [];
  const start = ({ startsAt, pauses, patience, cancelledAt }: Actor, step: (n: number) => Promise<void>) => {
    const task = createTask(async () => {
      await sleep(startsAt);
      for (const [n, pause] of pauses.entries()) {
        await sleep(pause);
        try {
          await timeout(patience ?? null, () => step(n));
        } catch (error) {
          if (error instanceof QueueShutDown) return;
          if (!(error instanceof TimeoutError)) throw error;
        }
      }
    });
    const canceller = createTask(async () => {
      if (cancelledAt === undefined) return;
      await sleep(cancelledAt);
      task.cancel();
    });
    return [task, canceller];
  };
  const tasks = [
    ...producers.map((each, who) =>
      start(each, async (n) => {
        const item = `${who}:${n}`;
        await pipe.put(item);
        sent.add(item);
      }),
    ),
    ...consumers.map((each, who) =>
      start(each, async () => {
        const item = await pipe.get();
        received.push(`${who}<${item}`);
      }),
    ),
  ].flat();
  await sleep(endAt ?? 200);
  pipe.end();
  for (const task of tasks) await task.catch(() => undefined);
  for (const task of tasks) if (!task.cancelled()) assert.equal(task.exception(), undefined);

  const rest: string[] = [];
  for (let left = pipe.left().items; left > 0; left--) rest.push(await pipe.get());
  assert.deepEqual(pipe.left(), { items: 0, waiting: 0 });
  const out = [...received.map((each) => each.slice(each.indexOf('<') + 1)), ...rest];
  assert.equal(new Set(out).size, out.length, `doubled: ${out.join(' ')}`);
  // What went in is out. (One more may be out than a cancelled producer knows of: its put was through already.)
  for (const item of sent) assert.ok(out.includes(item), `lost: ${item} of ${[...sent].join(' ')}`);
  if (!pipe.fifo) return;
  for (const [who] of producers.entries()) {
    for (const reader of [...consumers.keys(), 'rest']) {
      const seen = (reader === 'rest' ? rest.map((item) => `rest<${item}`) : received)
        .filter((each) => each.startsWith(`${reader}<${who}:`))
        .map((each) => Number(each.split(':')[1]));
      assert.deepEqual(
        seen,
        seen.toSorted((a, b) => a - b),
        `${reader} saw ${seen.join()} of ${who}`,
      );
    }
  }
}
