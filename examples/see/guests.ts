// Guests for the programs in this folder. They live in a process of their own, so that a server that blocks does not block
// its guests too. Each guest connects, orders a dish, waits for the answer, pauses, and orders the next one.
import { fileURLToPath } from 'node:url';
import { type Connection, openConnection, run, sleep, TaskGroup } from 'maitre';
import { createSubprocessExec, type Process } from 'maitre/subprocess';

const FILE = fileURLToPath(import.meta.url);

export interface GuestOptions {
  readonly port: number;
  /** The dishes that each guest orders, one after the other, over and over. One list a guest. */
  readonly orders: readonly (readonly string[])[];
  /** Milliseconds between an answer and the next order. Default: 500. */
  readonly pause?: number;
  /** How many of the guests order and then read nothing more. Default: 0. */
  readonly asleep?: number;
}

/** Seats the guests. They leave when the process is disposed, or with the program. */
export function seat(options: GuestOptions): Promise<Process> {
  return createSubprocessExec(process.execPath, [...process.execArgv, FILE, JSON.stringify(options)], {
    stdin: 'pipe', // it ends with this process, however that ends
  });
}

async function dine(connection: Connection, dishes: readonly string[], pause: number): Promise<void> {
  const { reader, writer } = connection;
  for (let round = 0; ; round++) {
    writer.write(`${dishes[round % dishes.length]}\n`);
    if ((await reader.readTextLine()) === undefined) return;
    await sleep(pause * (0.5 + Math.random()));
  }
}

async function fallAsleep({ writer }: Connection, dishes: readonly string[]): Promise<void> {
  writer.write(`${dishes[0]}\n`);
  await sleep(Infinity); // without a read: what the server sends fills the buffers on the way
}

if (process.argv[1] === FILE) {
  process.stdin.resume().on('end', () => process.exit());
  const { port, orders, pause = 500, asleep = 0 } = JSON.parse(process.argv[2] ?? '') as GuestOptions; // seat() passed it
  await run(() =>
    TaskGroup.run(async (guests) => {
      for (const [number, dishes] of orders.entries()) {
        guests.createTask(async () => {
          await using connection = await openConnection({ host: '127.0.0.1', port });
          await (number < asleep ? fallAsleep(connection, dishes) : dine(connection, dishes, pause));
        });
      }
    }),
  );
}
