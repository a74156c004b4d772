import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createTask, Lock, openConnection, sleep, startServer } from 'maitre';
import {
  type ConnectionDiagnostics,
  type MessageDiagnostics,
  publishDiagnostics,
  type TaskDiagnostics,
} from 'maitre/inspect';
import { test } from '../../support/test.js';

/** What a channel publishes, copied, until the result is disposed. */
function listen<T extends object>(channel: string): Disposable & { readonly events: T[] } {
  const events: T[] = [];
  const listener = (event: unknown): void => void events.push({ ...(event as T) });
  subscribe(channel, listener);
  return { events, [Symbol.dispose]: () => void unsubscribe(channel, listener) };
}

test('a message is what a handler does between two reads, and links to its connection', async () => {
  using started = listen<MessageDiagnostics>('maitre.message.started');
  using ended = listen<MessageDiagnostics>('maitre.message.ended');
  using _ = publishDiagnostics();
  const lock = new Lock();
  await using server = await startServer(
    async (reader, writer) => {
      for await (const line of reader) {
        await sleep(line.toString() === 'slow\n' ? 60 : 0);
        await lock.acquire();
        lock.release();
        writer.write(line);
      }
    },
    { host: '127.0.0.1' },
  );
  const { port } = server; // it has none once it is closed
  const client = await openConnection({ host: '127.0.0.1', port });
  for (const line of ['slow\n', 'fast\n']) {
    client.writer.write(line);
    await client.reader.readLine();
  }
  await client.close();
  await server.shutdown();
  assert.deepEqual(
    ended.events.map(({ message, name, kind }) => [message, name, kind]),
    [
      [1, 'message', 'server'],
      [2, 'message', 'server'],
    ],
  );
  assert.deepEqual(
    started.events.map(({ message, endTime }) => [message, endTime]),
    [
      [1, undefined],
      [2, undefined],
    ],
  );
  const [slow, fast] = ended.events.map(({ startTime, endTime = 0 }) => endTime - startTime);
  assert.ok((slow ?? 0) >= 55 && (fast ?? 99) < 55, `${slow} ${fast}`);
  assert.ok(Math.abs((ended.events[0]?.startTime ?? 0) - Date.now()) < 10_000, 'milliseconds since 1970');
  assert.equal(ended.events[0]?.attributes['server.port'], port);
});

test('the last message ends with its handler, also if the bytes came with the end', async () => {
  using ended = listen<MessageDiagnostics>('maitre.message.ended');
  using _ = publishDiagnostics();
  await using server = await startServer(async (reader) => void (await reader.readLine()), { host: '127.0.0.1' });
  const client = await openConnection({ host: '127.0.0.1', port: server.port });
  client.writer.write('bye\n');
  client.writer.writeEof();
  await client.close();
  await server.shutdown();
  assert.deepEqual(
    ended.events.map(({ message }) => message),
    [1],
  );
});

test('connections have the attributes of OpenTelemetry, on both sides', async () => {
  using opened = listen<ConnectionDiagnostics>('maitre.connection.opened');
  using closed = listen<ConnectionDiagnostics>('maitre.connection.closed');
  using _ = publishDiagnostics();
  await using server = await startServer(async (reader) => void (await reader.read(100)), { host: '127.0.0.1' });
  const served = server.port;
  const client = await openConnection({ host: '127.0.0.1', port: served });
  client.writer.write('12345');
  await client.reader.read(100);
  await client.close();
  await server.shutdown();
  const accepted = opened.events.find(({ kind }) => kind === 'server');
  const { address, port } = client.local as { readonly address: string; readonly port: number };
  assert.deepEqual(accepted?.attributes, {
    'network.transport': 'tcp',
    'network.type': 'ipv4',
    'network.peer.address': address,
    'network.peer.port': port,
    'network.local.address': '127.0.0.1',
    'network.local.port': served,
    'client.address': address,
    'client.port': port,
    'server.address': '127.0.0.1',
    'server.port': served,
  });
  assert.equal(opened.events.find(({ kind }) => kind === 'client')?.attributes['server.port'], served);
  const end = closed.events.find(({ kind }) => kind === 'server');
  assert.deepEqual([end?.bytesRead, end?.error], [5, undefined]);
});

test('tasks say who created them and how they ended, and their errors still reach who awaits them', async () => {
  using started = listen<TaskDiagnostics>('maitre.task.started');
  using ended = listen<TaskDiagnostics>('maitre.task.ended');
  const diagnostics = publishDiagnostics();
  const error = new Error('burnt');
  const cook = createTask(
    async () => {
      await createTask(() => Promise.reject(error), { name: 'soup' }).catch(() => undefined);
    },
    { name: 'cook' },
  );
  await cook;
  const idle = createTask(() => sleep(Infinity), { name: 'idle' });
  idle.cancel();
  await assert.rejects(idle);
  diagnostics[Symbol.dispose]();
  await createTask(() => undefined, { name: 'unseen' });
  assert.deepEqual(
    started.events.map(({ task }) => task.name),
    ['cook', 'soup', 'idle'],
  );
  assert.deepEqual([started.events[0]?.creator, started.events[1]?.creator], [null, cook.id]);
  assert.deepEqual(
    ended.events.map(({ task, outcome, error: thrown }) => [task.name, outcome, thrown]),
    [
      ['soup', 'threw', error],
      ['cook', 'returned', undefined],
      ['idle', 'cancelled', undefined],
    ],
  );
});

test('without subscribers nothing is installed, and later ones are noticed within a second', async () => {
  using _ = publishDiagnostics();
  await createTask(() => undefined);
  using started = listen<TaskDiagnostics>('maitre.task.started');
  await createTask(() => undefined);
  assert.equal(started.events.length, 0);
  await sleep(1100);
  await createTask(() => undefined, { name: 'seen' });
  assert.deepEqual(
    started.events.map(({ task }) => task.name),
    ['seen'],
  );
});
