// node examples/see/blocker.ts          (Node 24 or later; npx tsx examples/see/blocker.ts before)
//
// One guest in eight orders bread, and the handler kneads the dough itself: 300 ms of plain computing. The waiter stands
// at that table, and nobody else is served meanwhile. The page turns red and names the table and the function; so does
// `npx maitre blocked` in a second terminal, while it lasts.
//
// What to do about it: hand such work to the kitchen, `await toThread(new URL('./dough.ts', import.meta.url)).knead()`.
// Where the block is meant, at a start for instance, `allowBlocking(() => knead())` says so.
import { run, startServer, type StreamReader, type StreamWriter } from 'maitre';
import { startInspector } from 'maitre/inspect';
import { seat } from './guests.ts';

/** Milliseconds. */
const KNEADING = 300;

function kneadDough(): number {
  let folds = 0;
  for (const end = performance.now() + KNEADING; performance.now() < end; folds++);
  return folds;
}

async function serveTable(reader: StreamReader, writer: StreamWriter): Promise<void> {
  for await (const order of reader.lines()) {
    if (order === 'bread') kneadDough();
    writer.write(`here is your ${order}\n`);
    await writer.drain();
  }
}

await run(async () => {
  await using inspector = await startInspector({ web: true, record: true });
  await using server = await startServer(serveTable, { host: '127.0.0.1', port: 0 });
  const soup = Array.from({ length: 7 }, () => ['soup']);
  await using _ = await seat({ port: server.port, orders: [...soup, ['soup', 'soup', 'bread']] });
  console.log(`eight guests at 127.0.0.1:${server.port}; watch them: ${inspector.page}`);
  await server.serveForever();
});
