// The suite itself: it passes good pairs, and finds what is broken in bad ones.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { CancelledError, createTask, sleep } from 'maitre';
import { checkDuplex, type Duplex, duplexChecks, memoryStreamPair } from 'maitre/testing';
import { fakeTest } from '../support/test.js';

type Pair = [Duplex, Duplex];

/** The names of the checks that a pair fails. */
async function failuresOf(makePair: () => Pair): Promise<string[]> {
  const failed: string[] = [];
  for (const { name, run } of duplexChecks(makePair)) {
    try {
      await run();
    } catch (error) {
      assert.ok(error instanceof Error && error.message.includes(`"${name}`), `${name}: ${String(error)}`);
      failed.push(name);
    }
  }
  return failed;
}

/** Pairs whose both ends are changed by `spoil`. */
function spoiled(spoil: (end: Duplex) => void): () => Pair {
  return () => {
    const pair = memoryStreamPair();
    for (const end of pair) spoil(end);
    return pair;
  };
}

fakeTest('checkDuplex passes a memory pair', () => checkDuplex(() => memoryStreamPair()));

fakeTest('checkDuplex waits for a pair that takes its time', () =>
  checkDuplex(async () => {
    await sleep(1);
    return memoryStreamPair({ limit: 100 });
  }),
);

fakeTest('checkDuplex rejects with the name of the first check that fails, and the reason', async () => {
  const makePair = (): Pair => memoryStreamPair({ onHandOver: (bytes) => [Buffer.from(bytes.toReversed())] });
  await assert.rejects(checkDuplex(makePair), (error: unknown) => {
    assert.ok(error instanceof Error && error.cause instanceof Error);
    assert.match(error.message, /^Duplex check "bytes arrive in order, both ways" failed: byte 0 is 99, not 0$/);
    return true;
  });
});

fakeTest('a check that hangs is named', async () => {
  const makePair = (): Pair => memoryStreamPair({ onHandOver: () => [] });
  await assert.rejects(checkDuplex(makePair), /"bytes arrive in order, both ways" failed: it hangs, 10000 ms passed/);
});

fakeTest('cancelling checkDuplex cancels it as such, and leaves nothing running', async () => {
  const task = createTask(() => checkDuplex(() => memoryStreamPair({ onHandOver: () => [] })));
  await sleep(100);
  task.cancel();
  await assert.rejects(task.then(), CancelledError);
});

// Each fault with the checks that must find it, among others.
const faults: Readonly<Record<string, [() => Pair, ...string[]]>> = {
  'a byte is lost now and then': [
    () => memoryStreamPair({ onHandOver: (bytes) => [bytes.subarray(bytes.length > 1000 ? 1 : 0)] }),
    'both ends write much at once',
    'what was written before close arrives',
  ],
  'close does not close': [
    spoiled((end) => {
      end.writer.close = () => undefined;
    }),
    'the end is read again and again after what was written',
    'a write after close is dropped, and the next drain rejects',
  ],
  'close drops what is unsent': [
    spoiled((end) => {
      end.writer.close = () => end.writer.abort();
    }),
    'what was written before close arrives',
  ],
  'drain never waits': [
    spoiled((end) => {
      end.writer.drain = () => Promise.resolve();
    }),
    'drain waits above the high-water mark until the other end reads',
    'drain rejects after abort with unsent bytes',
    'drain rejects once the other end was closed',
  ],
  'drain waits for ever': [
    spoiled((end) => {
      end.writer.setWriteBufferLimits({ low: 0, high: 65_536 });
      const drain = end.writer.drain.bind(end.writer);
      end.writer.drain = (options) => (end.writer.bufferedBytes > 65_536 ? sleep(Infinity) : drain(options));
    }),
    'both ends write much at once',
    'any number of tasks may drain',
    'a waiting drain rejects when the other end is aborted',
  ],
  'a reader takes without end': [
    spoiled((end) => end.reader.setTransport({ pauseReading: () => undefined, resumeReading: () => undefined })),
    'drain waits above the high-water mark until the other end reads',
    'an end that does not read is not flooded, and goes on when it reads',
  ],
  'abort is deaf': [
    spoiled((end) => {
      let deaf = true;
      const abort = end.writer.abort.bind(end.writer);
      end.writer.abort = () => {
        if (!deaf) abort(); // so that the end of the check can end it
        deaf = false;
      };
    }),
    'drain rejects once the other end was aborted',
    'drain rejects after abort with unsent bytes',
  ],
  'writeEof does nothing': [
    spoiled((end) => {
      end.writer.writeEof = () => undefined;
    }),
    'writeEof ends one direction, the other goes on',
  ],
  'writeEof closes': [
    spoiled((end) => {
      end.writer.writeEof = () => end.writer.close();
    }),
    'writeEof ends one direction, the other goes on',
  ],
  'a cancelled read has taken its bytes': [
    spoiled((end) => {
      const readExactly = end.reader.readExactly.bind(end.reader);
      end.reader.readExactly = async (n) => {
        const first = await readExactly(1);
        await sleep(0);
        return Buffer.concat([first, await readExactly(n - 1)]);
      };
    }),
    'a cancelled read loses nothing',
  ],
  'readers steal from each other': [
    spoiled((end) => {
      end.reader.read = async (n) => {
        const { reader } = end;
        while (reader.bufferedBytes === 0 && !reader.atEof() && reader.exception() === undefined) await sleep(1);
        return reader.readExactly(Math.min(n ?? 1, reader.bufferedBytes));
      };
    }),
    'a second reader gets BusyError, and the first one its bytes',
  ],
  'waitClosed closes': [
    spoiled((end) => {
      const waitClosed = end.writer.waitClosed.bind(end.writer);
      end.writer.waitClosed = (options) => {
        end.writer.close();
        return waitClosed(options);
      };
    }),
    'waitClosed resolves for all who wait, before, during and after close',
  ],
};

for (const [fault, [makePair, ...expected]] of Object.entries(faults)) {
  fakeTest(`checkDuplex finds that ${fault}`, async () => {
    const failed = await failuresOf(makePair);
    for (const name of expected) assert.ok(failed.includes(name), `"${name}" passed; failed: ${failed.join(', ')}`);
  });
}
