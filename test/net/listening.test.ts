import assert from 'node:assert/strict';
import { CancelledError, createTask, openConnection, startServer } from 'maitre';
import type { Listener } from '#src/net/listener.js';
import { Listening } from '#src/net/listening.js';
import { microtasks, nextTurn, test } from '../support/test.ts';
import { echo, HOST, RawClient } from './sockets.ts';

/** Turns in which a start on 127.0.0.1 comes through, and some more. */
const TURNS = 8;

test('a cancelled startServing listens on nothing, wherever the cancel meets it, and may be called again', async () => {
  for (let step = 0; step < 40; step++) {
    const server = await startServer(echo, { host: HOST, startServing: false });
    const task = createTask(() => server.startServing());
    await microtasks(step % 8);
    for (let turn = 0; turn < Math.floor(step / 8); turn++) await nextTurn();
    task.cancel();
    const outcome = await task.then(
      () => 'serves',
      (error: unknown) => (error as Error).name,
    );
    for (let turn = 0; turn < TURNS; turn++) await nextTurn();
    assert.equal(server.isServing(), outcome === 'serves', `step ${step}: ${outcome}`);
    assert.equal(server.addresses.length, outcome === 'serves' ? 1 : 0);
    await server.startServing();
    const client = new RawClient(server.port);
    client.socket.write('hi\n');
    await client.receives('hi\n');
    await client.close();
    await server.shutdown();
  }
});

test('a start that another call still waits for goes on, and a signal is as good as a cancel', async () => {
  const server = await startServer(echo, { host: HOST, startServing: false });
  const controller = new AbortController();
  const first = server.startServing({ signal: controller.signal });
  const second = server.startServing();
  controller.abort();
  await assert.rejects(first, CancelledError);
  await second;
  assert.equal(server.isServing(), true);
  // Long after the start, a cancelled call changes nothing.
  await assert.rejects(server.startServing({ signal: AbortSignal.abort() }), CancelledError);
  for (let turn = 0; turn < TURNS; turn++) await nextTurn();
  assert.equal(server.isServing(), true);
  await server.shutdown();
});

test('a start that comes while an abandoned one is under way takes it over', async () => {
  const server = await startServer(echo, { host: HOST, startServing: false });
  const task = createTask(() => server.startServing());
  await microtasks(2);
  task.cancel();
  await assert.rejects(async () => task, CancelledError);
  await server.startServing();
  const client = await openConnection({ host: HOST, port: server.port });
  await client.close();
  await server.shutdown();
});

/** Sockets that open when they are told to, and how many are open. */
function fakeSockets(): {
  open: () => Promise<Listener[]>;
  opened: () => void;
  fail: (error: Error) => void;
  live: number;
} {
  let resolve: (listeners: Listener[]) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const sockets = {
    live: 0,
    open: () => {
      const promise = new Promise<Listener[]>((yes, no) => ((resolve = yes), (reject = no)));
      return promise;
    },
    opened: () => {
      sockets.live++;
      resolve([{ address: { path: '' }, server: undefined as never, close: () => void sockets.live-- }]);
    },
    fail: (error: Error) => reject(error),
  };
  return sockets;
}

test('Listening: an abandoned start closes what it opens, also when it is abandoned in the turn in which it opens', async () => {
  const sockets = fakeSockets();
  const listening = new Listening(
    sockets.open,
    () => undefined,
    () => undefined,
  );
  const controller = new AbortController();
  const abandoned = listening.start({ signal: controller.signal });
  controller.abort();
  await assert.rejects(abandoned, CancelledError);
  sockets.opened();
  await microtasks(5);
  assert.deepEqual([sockets.live, listening.isUp, listening.addresses], [0, false, []]);

  for (let step = 0; step < 10; step++) {
    // The cancel comes about when the sockets are open: either the start has succeeded, or nothing is.
    let started = false;
    const task = createTask(async () => {
      await listening.start();
      started = true; // a cancel that comes after this meets the task's next wait
    });
    await nextTurn();
    sockets.opened();
    await microtasks(step);
    task.cancel();
    await task.catch(() => undefined);
    await microtasks(5);
    assert.equal(listening.isUp, started, `step ${step}`);
    assert.equal(sockets.live, started ? 1 : 0);
    if (started) break;
  }
  listening.close();
  assert.equal(sockets.live, 0);
});

test('Listening: a failed start may be tried again, and a closed one never opens', async () => {
  const sockets = fakeSockets();
  const listening = new Listening(
    sockets.open,
    () => undefined,
    () => undefined,
  );
  const failing = listening.start();
  sockets.fail(new Error('in use'));
  await assert.rejects(failing, { message: 'in use' });

  const late = listening.start();
  listening.close();
  sockets.opened();
  await assert.rejects(late, { name: 'InvalidStateError', message: /closed meanwhile/ });
  assert.deepEqual([sockets.live, listening.isUp], [0, false]);
});
