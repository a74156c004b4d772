// node examples/blocking.ts             (Node 24 or later; npx tsx examples/blocking.ts before)
//
// Why asynchronous? One waiter, ten tables. Each table orders, and the kitchen needs 200 ms for each meal.
//
// The first waiter takes an order, walks to the kitchen, stands there until the meal is ready, brings it, and only then
// looks at the next table. The second takes an order, hands it in, and walks on to the next table; when the kitchen
// rings, the meal is brought out. Both do the same work. One of them mostly stands.
//
// Here the event loop is the waiter, a connection is a table, and the handler is what is done at a table. It is the very
// same handler both times; with `concurrency: 1` it serves one client after the other, as a blocking server does.
import {
  loopTime,
  openConnection,
  run,
  sleep,
  startServer,
  type StreamReader,
  TaskGroup,
  type StreamWriter,
} from 'maitre';

const TABLES = 10;
/** Milliseconds in the kitchen. In real life: a query to a database, a request to another server, a file. */
const KITCHEN = 200;
/** Milliseconds for each character of the timeline. */
const STEP = 50;

/** When things happened at a table, in milliseconds since the guests sat down. */
interface Visit {
  /** The waiter took the order. */
  ordered: number;
  /** The meal was on the table. */
  served: number;
}

async function serveTable(reader: StreamReader, writer: StreamWriter): Promise<void> {
  const order = await reader.readLine();
  writer.write('ordered\n');

  // The kitchen cooks. This task waits here, and only this task: the event loop goes on to the other tables.
  // Work that keeps the loop itself busy would be another thing: a waiter who cooks is a waiter who stands.
  await sleep(KITCHEN);

  writer.write(`here is your ${order}`);
  await writer.drain();
}

/** Lets ten tables order at once, and returns who waited when. */
async function openRestaurant(concurrency: number): Promise<Visit[]> {
  await using server = await startServer(serveTable, { host: '127.0.0.1', port: 0, concurrency });
  const [address] = server.addresses;
  if (address === undefined || 'path' in address) throw new Error('expected a TCP address');
  const visits: Visit[] = [];
  const start = loopTime();

  // The guests: a task each. The group ends when all of them have eaten, or one has failed.
  await TaskGroup.run((group) => {
    for (let table = 0; table < TABLES; table++) {
      group.createTask(async () => {
        await using connection = await openConnection({ host: '127.0.0.1', port: address.port });
        const { reader, writer } = connection;
        writer.write('soup\n');
        await reader.readLine();
        const ordered = loopTime() - start;
        await reader.readLine();
        visits[table] = { ordered, served: loopTime() - start };
      });
    }
  });
  return visits;
}

/** Prints one row per table, and returns the milliseconds until the last one was served. */
function print(title: string, visits: readonly Visit[]): number {
  console.log(`\n${title}`);
  for (const [index, { ordered, served }] of visits.entries()) {
    const waiting = '.'.repeat(Math.round(ordered / STEP));
    const cooking = '#'.repeat(Math.round((served - ordered) / STEP));
    console.log(`  table ${String(index + 1).padStart(2)}  ${waiting}${cooking}`);
  }
  const total = Math.max(...visits.map(({ served }) => served));
  console.log(`  all served after ${total.toFixed(0)} ms`);
  return total;
}

await run(async () => {
  console.log(`${TABLES} tables, one waiter, ${KITCHEN} ms in the kitchen for each meal`);
  console.log(`each character is ${STEP} ms   . waits for the waiter   # waits for the kitchen`);

  const blocking = print('A waiter who stands in the kitchen (concurrency: 1)', await openRestaurant(1));
  const walking = print('A waiter who walks on (no limit)', await openRestaurant(Infinity));

  console.log(`\n${(blocking / walking).toFixed(1)} times as fast, with the same handler on the same one thread`);
});
