// node examples/see/slow-eater.ts       (Node 24 or later; npx tsx examples/see/slow-eater.ts before)
//
// Every guest orders the whole menu, which is long. Two of twelve order and then read nothing. What the server writes to
// them fills the buffers on the way, and from then on their handlers wait in `drain`, as they should: nobody else waits,
// and memory stays bounded. On the page these two tables become green squares whose time runs. In a second terminal,
// `npx maitre connections --sort unsent` shows them first.
//
// What to do about it: nothing, or `writeTimeout`, which ends such a connection after a while.
import { run, startServer, type StreamReader, type StreamWriter } from 'maitre';
import { startInspector } from 'maitre/inspect';
import { seat } from './guests.ts';

/** Bytes that a reader who sleeps does not take: more than the buffers of the system. */
const MENU = `${'soup, bread, wine; '.repeat(600_000)}\n`;

async function serveTable(reader: StreamReader, writer: StreamWriter): Promise<void> {
  for await (const order of reader.lines()) {
    writer.write(order === 'menu' ? MENU : `here is your ${order}\n`);
    await writer.drain();
  }
}

await run(async () => {
  await using inspector = await startInspector({ web: true, record: true });
  await using server = await startServer(serveTable, { host: '127.0.0.1', port: 0, writeTimeout: 600_000 });
  const sleepers = Array.from({ length: 2 }, () => ['menu']);
  const others = Array.from({ length: 10 }, () => ['soup', 'bread', 'wine']);
  await using _ = await seat({ port: server.port, orders: [...sleepers, ...others], asleep: sleepers.length });
  console.log(`twelve guests at 127.0.0.1:${server.port}; watch them: ${inspector.page}`);
  await server.serveForever();
});
