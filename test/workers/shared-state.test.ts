// What real workers share, and what they do not: a broadcast between them, and the warning of what each has for itself.
import assert from 'node:assert/strict';
import { serveWorkers, WorkerBroadcast, type WorkersEvent } from 'maitre/workers';
import { RawClient, until } from '../net/sockets.js';
import { bothTest, fixture } from './support/isolations.js';

bothTest(
  'a WorkerBroadcast reaches the subscribers of all workers and of the supervisor, also after a reload',
  async (isolate) => {
    const events: WorkersEvent[] = [];
    const onEvent = (event: WorkersEvent): void => void events.push(event);
    await using supervisor = await serveWorkers(fixture('chat'), {
      host: '127.0.0.1',
      workers: 2,
      isolate,
      grace: 0,
      onEvent,
    });
    const room = new WorkerBroadcast<{ from: number; text: string }>({ name: 'room' });
    using heard = room.subscribe();
    for (const generation of [1, 2]) {
      if (generation === 2) assert.equal((await supervisor.reload()).state, 'done');
      const listeners = await Promise.all(Array.from({ length: 4 }, () => new RawClient(supervisor.port).connected()));
      for (const listener of listeners) {
        listener.socket.write('listen\n');
        await listener.receives('\n');
      }
      assert.equal(new Set(listeners.map(({ text }) => text)).size, 2, 'two at each worker');
      const speaker = await new RawClient(supervisor.port).connected();
      speaker.socket.write('soup\n');
      const from = (await speaker.end()).trim();
      speaker.socket.destroy();
      for (const listener of listeners) await listener.receives(`${from} soup\n`);
      assert.deepEqual(await heard.receive(), { from: Number(from), text: 'soup' });
      await room.publish({ from: 0, text: 'closing time' });
      await heard.receive();
      for (const listener of listeners) {
        await listener.receives('0 closing time\n');
        listener.socket.destroy();
      }
    }
    await until(() => events.filter(({ event }) => event === 'warning').length === 2);
    const warnings = events.flatMap((event) => (event.event === 'warning' ? event.message.split(':', 1) : []));
    assert.deepEqual(warnings.sort(), [
      'broadcast "room apart" is made in several workers',
      'lock "orders" is made in several workers',
    ]);
    room.close();
  },
);
