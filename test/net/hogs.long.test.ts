// One client that would take all memory or all time: it is ended, or gets its share, and others do not notice.
import assert from 'node:assert/strict';
import type { Handler } from 'maitre';
import { test } from '../support/test.ts';
import { fixtureCommand, Program, startFixture } from './programs.ts';
import { isNode, pause, RawClient, withServer } from './sockets.ts';

for (const what of ['text', 'bytes']) {
  test(
    `a handler that forgets drain ends its client and not a process of 256 MB, writing two bytes of ${what} at a time`,
    async () => {
      const [command, args] = fixtureCommand('forgotten-drain', what);
      await using program = new Program(command, ['--max-old-space-size=256', ...args]);
      assert.equal(await program.ends(50_000), 0, program.errors.slice(0, 1000));
      assert.match(
        program.output,
        /Connection aborted: \d+ bytes unsent take \d+ bytes of memory, maxBuffered is 67108864/,
      );
      const [, unsent] = /unsent (\d+) of payload/.exec(program.output) ?? [];
      assert.ok(Number(unsent) > 60 * 2 ** 20, program.output); // nearly all of maxBuffered was payload
      assert.match(program.output, /then bye/);
    },
    { skip: !isNode && 'it has no such option', timeout: 60_000 },
  );
}

const lineReaders: Record<string, Handler> = {
  'for await': async (reader, writer) => {
    for await (const line of reader) writer.write(line);
  },
  tryReadLine: async (reader, writer) => {
    for (;;) {
      const line = reader.tryReadLine() ?? (await reader.readLine());
      if (line.length === 0) return;
      writer.write(line);
    }
  },
  readExactly: async (reader, writer) => {
    for (;;) writer.write(await reader.readExactly(1));
  },
};

for (const [name, handler] of Object.entries(lineReaders)) {
  test(
    `beside a client that floods with two-byte lines and reads the answers, others are answered at once (${name})`,
    async () => {
      await withServer(handler, { onError: () => undefined }, async (_server, port) => {
        await using flooder = startFixture('flooder', String(port), '2');
        const quiet = new RawClient(port);
        await quiet.connected();
        const times: number[] = [];
        for (let i = 1; i <= 100; i++) {
          const began = performance.now();
          quiet.socket.write('ping\n');
          await quiet.receives(i * 5);
          times.push(performance.now() - began);
          await pause(2);
        }
        assert.equal(flooder.end, undefined);
        await quiet.close();
        const middle = times.toSorted((a, b) => a - b)[50] as number; // of 100
        assert.ok(middle < 150, `${middle} ms`); // 10 and less where nothing else runs, and seconds without bounds
      });
    },
    { skip: !isNode && 'its own sockets read on' },
  );
}
