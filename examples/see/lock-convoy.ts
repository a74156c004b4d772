// node examples/see/lock-convoy.ts      (Node 24 or later; npx tsx examples/see/lock-convoy.ts before)
//
// Forty guests, and every bill goes into one ledger. A lock guards it, and the handler holds that lock while it waits for
// the slow printer. So the guests queue for the lock, the loop has nothing to do, and everything is slow. `npx maitre ps`
// says it in one line: how many wait for lock "ledger", and who holds it. On the page they are violet diamonds.
//
// What to do about it: hold the lock for what needs it, and print after that.
import { Lock, run, sleep, startServer, type StreamReader, type StreamWriter } from 'maitre';
import { startInspector } from 'maitre/inspect';
import { seat } from './guests.ts';

/** Milliseconds. */
const PRINTING = 100;

const ledger = new Lock({ name: 'ledger' });
const bills: string[] = [];

async function serveTable(reader: StreamReader, writer: StreamWriter): Promise<void> {
  for await (const order of reader.lines()) {
    {
      using _ = await ledger.acquire();
      bills.push(order); // this needs the lock
      await sleep(PRINTING); // this does not
    }
    writer.write(`here is your ${order}\n`);
    await writer.drain();
    if (bills.length > 1000) bills.length = 0;
  }
}

await run(async () => {
  await using inspector = await startInspector({ web: true, record: true });
  await using server = await startServer(serveTable, { host: '127.0.0.1', port: 0 });
  const orders = Array.from({ length: 40 }, () => ['soup', 'bread', 'wine']);
  await using _ = await seat({ port: server.port, orders });
  console.log(`forty guests at 127.0.0.1:${server.port}; watch them: ${inspector.page}`);
  await server.serveForever();
});
