// The control socket, with viewers that are slow, silent or too many. What answers them is made up.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { Future } from 'maitre';
import { type Responder, serveViewers } from '#src/inspect/worker/control-socket.js';
import type { Viewer } from '#src/inspect/worker/viewers.js';
import { Folder } from '../../support/program.js';
import { nextTurn, test } from '../../support/test.js';

/** A control socket in a folder of its own. */
async function serving(respond: Responder): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = new Folder();
  const path = join(folder.path, 'x.sock');
  const served = await serveViewers([path], respond);
  return {
    path,
    async [Symbol.asyncDispose]() {
      await served?.server.shutdown({ grace: 0 });
      folder[Symbol.dispose]();
    },
  };
}

/** A viewer that reads nothing until it is resumed. */
async function connect(path: string): Promise<Socket> {
  const socket = createConnection(path);
  socket.pause();
  await once(socket, 'connect');
  return socket;
}

/** Takes at least so many bytes. */
function receive(socket: Socket, bytes: number): Promise<void> {
  return new Promise((resolve) => {
    let received = 0;
    const onData = (chunk: Buffer): void => {
      received += chunk.length;
      if (received < bytes) return;
      socket.off('data', onData);
      resolve();
    };
    socket.on('data', onData).resume();
  });
}

async function closed(socket: Socket): Promise<void> {
  if (socket.closed) return;
  const end = once(socket, 'close');
  socket.destroy();
  await end;
}

const MIB = 1_048_576;

test('a viewer that does not take its frames has about 1 MiB of them unsent, and further ones later', async () => {
  const arrived = new Future<Viewer>();
  await using it = await serving(async (_method, _params, viewer) => {
    arrived.setResult(viewer);
    return {};
  });
  const socket = await connect(it.path);
  socket.write('{"id":1,"method":"subscribe"}\n');
  const viewer = await arrived;
  const text = 'x'.repeat(65_536);
  let made = 0;
  const offer = (): boolean =>
    viewer.offer(() => {
      made++;
      return { text };
    });
  // The system's own buffers, which hold less than a MiB, fill in turns of their own.
  let refused = 0;
  for (let i = 0; refused < 50 && i < 1000; i++) {
    if (!offer()) refused++;
    await nextTurn();
  }
  assert.ok(refused === 50, `${made} frames were sent, none was refused`);
  assert.ok(made * text.length < 3 * MIB, `${made} frames of 64 KiB`);
  const before = made;
  assert.equal(offer(), false);
  assert.equal(made, before, 'a frame that is not sent is not made');
  await receive(socket, before * text.length);
  assert.equal(offer(), true);
  await receive(socket, text.length);
  await closed(socket);
});

test('a viewer beyond the most there may be is told so, and gets a place once another has left', async () => {
  await using it = await serving(async () => ({}));
  const viewers = await Promise.all(Array.from({ length: 32 }, () => connect(it.path)));
  const ask = async (socket: Socket): Promise<string> => {
    socket.write('{"id":5,"method":"hello"}\n');
    const [chunk] = (await once(socket.resume(), 'data')) as [Buffer];
    return chunk.toString();
  };
  for (const viewer of viewers) assert.equal(await ask(viewer), '{"id":5,"result":{}}\n');
  const late = await connect(it.path);
  assert.equal(
    await ask(late),
    '{"id":5,"error":{"code":"NOT_AVAILABLE","message":"it has 32 viewers, the most there may be: close one"}}\n',
  );
  await closed(viewers.pop() as Socket);
  // The server learns of the end in a turn of its own.
  let answer = '';
  for (let i = 0; i < 1000 && !answer.includes('result'); i++) {
    const next = await connect(it.path);
    answer = await ask(next);
    await closed(next);
  }
  assert.equal(answer, '{"id":5,"result":{}}\n');
  for (const viewer of [...viewers, late]) await closed(viewer);
});

test('a viewer that does not take its responses has at most eight requests answered', async () => {
  let answered = 0;
  const text = 'x'.repeat(MIB);
  await using it = await serving(async () => {
    answered++;
    return { text };
  });
  const socket = await connect(it.path);
  for (let id = 0; id < 30; id++) socket.write(`{"id":${id},"method":"hello"}\n`);
  for (let i = 0; i < 200; i++) await nextTurn();
  assert.equal(answered, 8);
  await receive(socket, 30 * MIB);
  assert.equal(answered, 30);
  await closed(socket);
});
