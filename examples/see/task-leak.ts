// node examples/see/task-leak.ts        (Node 24 or later; npx tsx examples/see/task-leak.ts before)
//
// For every order the handler starts a task that remembers the guest's taste, and that waits for an event which never
// comes. Nobody owns these tasks: `createTask` outside of a group. The server answers well, and its memory grows. `npx
// maitre ps` shows a line whose number only rises, with the place where these tasks wait; `npx maitre ps --all` shows
// where they were created.
//
// What to do about it: give them an owner. `TaskGroup.run` around the handler's body ends them with it.
import { createTask, Event, run, startServer, type StreamReader, type StreamWriter } from 'maitre';
import { startInspector } from 'maitre/inspect';
import { seat } from './guests.ts';

const closing = new Event({ name: 'closing time' });
const tastes = new Set<string>();

async function rememberUntilClosing(order: string): Promise<void> {
  await closing.wait();
  tastes.add(order);
}

async function serveTable(reader: StreamReader, writer: StreamWriter): Promise<void> {
  for await (const order of reader.lines()) {
    void createTask(() => rememberUntilClosing(order), { name: `remember ${order}` });
    writer.write(`here is your ${order}\n`);
    await writer.drain();
  }
}

await run(async () => {
  await using inspector = await startInspector({ web: true, record: true });
  await using server = await startServer(serveTable, { host: '127.0.0.1', port: 0 });
  const orders = Array.from({ length: 8 }, () => ['soup', 'bread', 'wine']);
  await using _ = await seat({ port: server.port, orders, pause: 100 });
  console.log(`eight guests at 127.0.0.1:${server.port}; watch them: ${inspector.page}`);
  await server.serveForever();
});
