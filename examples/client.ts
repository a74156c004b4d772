// node examples/client.ts 127.0.0.1:8002            (Node 24 or later; npx tsx examples/client.ts ... before)
// node examples/client.ts 127.0.0.1:8002 5000 3000  5,000 connections, 3,000 ms for all of them
//
// Many clients in one process: opens 1,000 connections to a server at once, says hi on each, and waits for the first
// thing the server says. Try it on `npx maitre serve examples/hello.ts`. Ends with 0 if all were answered.
import { CancelledError, loopTime, openConnection, run, TaskGroup, timeout, TimeoutError } from 'maitre';

const target = /^\[?(?<host>.+?)\]?:(?<port>\d+)$/.exec(process.argv[2] ?? '')?.groups;
const connections = Number(process.argv[3] ?? 1000);
const limit = Number(process.argv[4] ?? 10_000);
if (target === undefined || !(connections >= 1) || !(limit >= 0)) {
  console.error('usage: client.ts HOST:PORT [CONNECTIONS] [MILLISECONDS]');
  process.exit(2);
}
const host = target['host'] as string; // both are in the pattern
const port = Number(target['port']);

/** Milliseconds each answer took. */
const answers: number[] = [];
/** What went wrong, and how often. */
const failures = new Map<string, number>();

async function sayHi(): Promise<void> {
  const start = loopTime();
  // Closed at the end of this function, however it ends: by a return, an error, or because the time is over.
  await using connection = await openConnection({ host, port });
  connection.writer.write('hi\n');
  const answer = await connection.reader.read(1024);
  if (answer.length === 0) throw new Error('the server ended the connection without an answer');
  answers.push(loopTime() - start);
}

async function sayHiAndCount(): Promise<void> {
  try {
    await sayHi();
  } catch (error) {
    // The first error that leaves a task of a group cancels all the others. Here one that is refused says nothing about
    // the rest, so it is counted and stays here. Only errors: a cancelled task is to end as a cancelled one.
    if (error instanceof CancelledError) throw error;
    const { message } = error as Error;
    failures.set(message, (failures.get(message) ?? 0) + 1);
  }
}

await run(async () => {
  const start = loopTime();
  try {
    // When the time is over, the group is cancelled: each task at its `await`, where `await using` closes its connection.
    // Only when all have ended does the TimeoutError arrive here.
    await timeout(limit, () =>
      TaskGroup.run((group) => {
        for (let i = 0; i < connections; i++) group.createTask(sayHiAndCount);
      }),
    );
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
  }
  printSummary(loopTime() - start);
});

function printSummary(total: number): void {
  const failed = [...failures.values()].reduce((sum, count) => sum + count, 0);
  const late = connections - answers.length - failed;
  console.log(`${connections} connections to ${process.argv[2]} in ${total.toFixed(0)} ms`);
  console.log(`  ${answers.length} answered${answers.length > 0 ? `, ${spread(answers)}` : ''}`);
  if (late > 0) console.log(`  ${late} had no answer within ${limit} ms`);
  for (const [message, count] of failures) console.log(`  ${count} failed: ${message}`);
  if (answers.length < connections) process.exitCode = 1;
}

function spread(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): string => `${sorted[Math.floor(share * (sorted.length - 1))]?.toFixed(0)} ms`;
  return `the fastest after ${at(0)}, half of them after ${at(0.5)}, the slowest after ${at(1)}`;
}
