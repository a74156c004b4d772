// node examples/see/deadlock.ts         (Node 24 or later; npx tsx examples/see/deadlock.ts before)
//
// Three guests order dishes that need two tools each. Every handler takes the first tool, works a little, and waits for
// the second one, which the next handler holds: a circle, in which nobody can go on. The process is idle and looks well.
// `npx maitre ps` begins with the sentence that names the three tasks and the three locks.
//
// What to do about it: take locks in one order everywhere, as examples/philosophers.ts does. Or wait with a `timeout`.
import { Lock, run, sleep, startServer, type StreamReader, type StreamWriter } from 'maitre';
import { startInspector } from 'maitre/inspect';
import { seat } from './guests.ts';

const pan = new Lock({ name: 'pan' });
const knife = new Lock({ name: 'knife' });
const board = new Lock({ name: 'board' });

const tools = new Map([
  ['omelette', [pan, knife]],
  ['salad', [knife, board]],
  ['crepe', [board, pan]],
]);

async function serveTable(reader: StreamReader, writer: StreamWriter): Promise<void> {
  for await (const order of reader.lines()) {
    const [first = pan, second = knife] = tools.get(order) ?? [];
    {
      using _first = await first.acquire();
      await sleep(200);
      using _second = await second.acquire();
    }
    writer.write(`here is your ${order}\n`);
    await writer.drain();
  }
}

await run(async () => {
  await using inspector = await startInspector({ web: true, record: true });
  await using server = await startServer(serveTable, { host: '127.0.0.1', port: 0 });
  await using _ = await seat({ port: server.port, orders: [['omelette'], ['salad'], ['crepe']], pause: 0 });
  console.log(`three guests at 127.0.0.1:${server.port}; watch them: ${inspector.page}`);
  await server.serveForever();
});
