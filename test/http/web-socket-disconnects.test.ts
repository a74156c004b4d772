// Clients that leave at random: in every way, at every point, while handlers send, receive, iterate, wait and close.
import assert from 'node:assert/strict';
import { allTasks, CancelledError, ConnectionLostError, createTask, InvalidStateError, sleep, TaskGroup } from 'maitre';
import type { WebSocket } from 'maitre/http';
import { Resource } from 'maitre/lowlevel';
import { Dice, withSeed } from '../net/mutation.js';
import { until } from '../net/sockets.js';
import { test } from '../support/test.js';
import { frameOf, RawWsClient, withHandler } from './web-sockets.js';

const CLIENTS = 60;

/** What a handler does with its socket, drawn by the dice. */
async function serve(socket: WebSocket, dice: Dice): Promise<void> {
  const send = async (): Promise<void> => {
    for (let i = 0; i < 30; i++) await socket.send(Buffer.alloc(dice.upTo(30_000)));
  };
  const read = async (): Promise<void> => {
    for await (const message of socket) if (dice.upTo(3) === 0) await socket.send(message);
  };
  switch (dice.upTo(6)) {
    case 0:
      return read();
    case 1:
      return send();
    case 2:
      return TaskGroup.run((group) => {
        group.createTask(read);
        group.createTask(send);
        group.createTask(send);
      });
    case 3:
      await socket.receive();
      return socket.close(4000 + dice.upTo(100), 'done');
    case 4:
      await sleep(dice.upTo(3));
      return dice.upTo(2) === 0 ? socket.abort() : undefined;
    default:
      return sleep(Infinity); // never looks at it
  }
}

/** What a client does, drawn by the dice. */
async function visit(port: number, dice: Dice): Promise<void> {
  using client = await RawWsClient.open(port);
  if (dice.upTo(3) > 0) client.socket.resume();
  for (let i = dice.upTo(6); i > 0; i--) {
    const frame = frameOf(1 + dice.upTo(2), 'x'.repeat(dice.upTo(2000)));
    const cut = dice.upTo(8) === 0 ? dice.upTo(frame.length) : frame.length;
    client.socket.write(frame.subarray(0, cut));
    if (dice.upTo(2) === 0) await sleep(dice.upTo(3));
  }
  switch (dice.upTo(6)) {
    case 0:
      client.socket.resetAndDestroy();
      break;
    case 1:
      client.frame(8, Buffer.from([0x03, 0xe8]));
      break;
    case 2:
      client.socket.end();
      break;
    case 3:
      client.socket.write(Buffer.from(Array.from({ length: 1 + dice.upTo(40) }, () => dice.upTo(256))));
      break;
    case 4:
      client.frame(8);
      client.socket.resetAndDestroy();
      break;
    default: // stalls, until it is destroyed
  }
  await sleep(dice.upTo(10));
}

test('clients that leave at random leave nothing behind, and handlers see only losses and cancels', async () => {
  await withSeed(async (seed) => {
    const dice = new Dice(seed);
    const wrong: unknown[] = [];
    let ended = 0;
    let began = 0;
    const check = (error: unknown): void => {
      const leaves = error instanceof AggregateError ? error.errors : [error];
      for (const each of leaves) {
        const isFine =
          each instanceof ConnectionLostError || each instanceof InvalidStateError || each instanceof CancelledError;
        if (!isFine) wrong.push(each);
      }
    };
    await withHandler(
      async (socket) => {
        began++;
        try {
          await serve(socket, dice);
        } catch (error) {
          check(error);
          throw error;
        } finally {
          ended++;
        }
      },
      { closeTimeout: 20, leaveGrace: 5, sendBuffer: 5000, receiveBuffer: 1000, heartbeat: 20, onError: check },
      async ({ port }) => {
        const before = allTasks().size;
        const clients = Array.from({ length: CLIENTS }, () => createTask(() => visit(port, dice)));
        await Promise.all(clients);
        const live = (): Resource[] => [...Resource.live].filter(({ kind }) => kind === 'websocket');
        await until(() => allTasks().size <= before && ended === began, 'all handlers to end').catch(
          (error: unknown) => {
            const tasks = [...allTasks()].map(String);
            throw new Error(`${String(error)}, of which are left:\n${[...live(), ...tasks].map(String).join('\n')}`, {
              cause: error,
            });
          },
        );
        const left = live();
        assert.deepEqual(left, []);
      },
    );
    assert.deepEqual(wrong, []);
    assert.equal(began, CLIENTS);
  });
});
