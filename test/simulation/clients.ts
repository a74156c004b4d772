// Clients of the examples echo and chat, over anything that is a Duplex. The polite ones check all that comes, and fail for
// a byte too many, too few, or out of order. The rude ones do what nobody should; how they end is nobody's affair.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { CancelledError, type Event, moveOnAfter, sleep, TaskGroup } from 'maitre';
import type { Duplex, FaultyLink } from 'maitre/testing';

export type Random = () => number;

/** An integer, 0 <= x < n. */
export function upTo(n: number, random: Random): number {
  return Math.floor(random() * n);
}

function randomBytes(count: number, random: Random): Buffer {
  return Buffer.from(Uint8Array.from({ length: count }, () => random() * 256));
}

/** Waits up to `most` milliseconds; in half of all cases not at all. */
async function pauseUpTo(most: number, random: Random): Promise<void> {
  if (random() < 0.5) await sleep(random() * most);
}

// ---- echo --------------------------------------------------------------------------------------------------------------

/** Sends up to `most` bytes, of any order of magnitude, with pauses; expects them back, then the end. Gives their number. */
export async function politeEcho(end: Duplex, random: Random, most: number, pause: number): Promise<number> {
  const bytes = randomBytes(Math.floor(most ** random()), random);
  let back: Buffer = Buffer.alloc(0);
  await TaskGroup.run((group) => {
    group.createTask(async () => {
      for (let at = 0; at < bytes.length;) {
        const count = 1 + upTo(bytes.length, random);
        end.writer.write(bytes.subarray(at, at + count));
        at += count;
        await end.writer.drain();
        await pauseUpTo(pause, random);
      }
      end.writer.writeEof();
    });
    group.createTask(async () => {
      back = await end.reader.read();
    });
  });
  assert.ok(bytes.equals(back), `${back.length} of ${bytes.length} bytes came back, or others`);
  assert.equal(end.error, undefined);
  await end.close();
  return bytes.length;
}

/** Everything that a client of echo may do wrong. */
const rudeWays: Readonly<Record<string, (end: Duplex, random: Random, pause: number) => Promise<unknown>>> = {
  async 'comes and goes'(end) {
    await end.close();
  },
  async 'is silent'(end, random, pause) {
    await sleep(random() * 10 * pause);
    end.abort();
  },
  async 'sends and never reads'(end, random, pause) {
    end.writer.write(randomBytes(Math.floor(50_000 ** random()), random));
    await sleep(random() * 10 * pause);
  },
  async 'closes with everything unread'(end, random, pause) {
    end.writer.write(randomBytes(Math.floor(50_000 ** random()), random));
    await pauseUpTo(pause, random);
    await end.close();
  },
  async 'breaks off while it sends'(end, random, pause) {
    for (let count = upTo(20, random); count > 0; count--) {
      end.writer.write(randomBytes(Math.floor(5000 ** random()), random));
      await pauseUpTo(pause, random);
    }
    end.abort();
  },
  async 'reads bytewise, and leaves'(end, random, pause) {
    end.writer.write(randomBytes(Math.floor(10_000 ** random()), random));
    for (let count = 0; count < 20; count++) {
      await end.reader.read(1);
      await sleep(random() * pause);
    }
  },
  async 'means well'(end, random, pause) {
    await politeEcho(end, random, 20_000, pause);
  },
};

export async function rudeEcho(end: Duplex, random: Random, pause: number): Promise<void> {
  const ways = Object.values(rudeWays);
  await rudely(end, 20 * pause, async () => ways[upTo(ways.length, random)]?.(end, random, pause));
}

/** Whatever it does fails or not, and lasts for `ms` milliseconds at most; in the end it is gone, one way or another. */
async function rudely(end: Duplex, ms: number, body: () => Promise<unknown>): Promise<void> {
  try {
    await moveOnAfter(ms, body);
  } catch (error) {
    if (error instanceof CancelledError) throw error;
  } finally {
    end.abort();
  }
  await end.writer.waitClosed();
}

// ---- chat --------------------------------------------------------------------------------------------------------------

/** How the polite guests of a chat talk, and know that all is said. */
export interface Talk {
  readonly names: readonly string[];
  /** Messages of each. */
  readonly messages: number;
  /** Milliseconds between two of them, at most. */
  readonly pause: number;
  /** Set when all have come in: what is said before that, some miss. */
  readonly mayBegin: Event;
}

function messageOf(name: string, n: number): string {
  return `${n} ${name.repeat(1 + ((n * 7) % 9))}`;
}

/** Enters with a name; resolves with the lines that follow the welcome. */
export async function enter(end: Duplex, name: string): Promise<{ lines: AsyncIterator<string>; welcome: string }> {
  const lines = end.reader.lines();
  assert.equal((await lines.next()).value, '* your name?');
  end.writer.write(`${name}\n`);
  const { value: welcome } = await lines.next();
  assert.ok(String(welcome).startsWith(`* welcome, ${name}; here are: `), String(welcome));
  return { lines, welcome: String(welcome) };
}

/**
 * Says its messages and hears those of all other polite guests: each once, as it was said, those of one in order. Gives them
 * in the order in which they came. Its connection stays open.
 */
export async function politeGuest(
  end: Duplex,
  name: string,
  { names, messages, pause, mayBegin }: Talk,
  random: Random,
  cameIn: () => void,
): Promise<string[]> {
  const { lines } = await enter(end, name);
  cameIn();
  const others = new Map(names.filter((each) => each !== name).map((each) => [each, 0]));
  const heard: string[] = [];
  await TaskGroup.run((group) => {
    group.createTask(async () => {
      await mayBegin.wait();
      for (let n = 0; n < messages; n++) {
        await pauseUpTo(2 * pause, random);
        end.writer.write(`${messageOf(name, n)}\n`);
        await end.writer.drain();
      }
    });
    group.createTask(async () => {
      for (let left = others.size * messages; left > 0;) {
        const { value: line, done } = await lines.next();
        assert.notEqual(done, true, `${name}: the end with ${left} messages missing`);
        const [, speaker = '', text] = /^(\w+): (.*)$/.exec(String(line)) ?? [];
        const n = others.get(speaker);
        if (n === undefined) continue; // the room itself, or a rude one
        assert.equal(text, messageOf(speaker, n), `${name} heard ${speaker}`);
        others.set(speaker, n + 1);
        heard.push(String(line));
        left--;
      }
    });
  });
  return heard;
}

/** Comes with any name or none, says anything, reads or not, and leaves in any way. */
export async function rudeGuest(end: Duplex, name: string, random: Random, pause: number): Promise<void> {
  const reads = random() < 0.6;
  const said = upTo(10, random);
  const closes = random() < 0.5;
  await rudely(end, 20 * pause, () =>
    TaskGroup.run((group) => {
      if (reads) group.createTask(() => end.reader.read());
      group.createTask(async () => {
        if (random() < 0.2) end.writer.write('no name\n\n\u0000\u001b[2J\n');
        if (random() < 0.9) end.writer.write(`${name}\n`);
        for (let n = 0; n < said; n++) {
          await pauseUpTo(pause, random);
          end.writer.write(random() < 0.1 ? randomBytes(100, random) : `${name} speaks ${n}\r\n`);
          await end.writer.drain();
        }
        if (closes) await end.close();
        else end.abort();
      });
    }),
  );
}

/** All guests heard the messages in the same order, each without its own. */
export function expectOneOrder(names: readonly string[], heard: readonly (readonly string[])[]): void {
  const [first = [], second = []] = heard;
  const [a = '', b = ''] = names;
  const without = (lines: readonly string[], ...speakers: readonly string[]): string[] =>
    lines.filter((line) => !speakers.some((speaker) => line.startsWith(`${speaker}: `)));
  for (const [n, lines] of heard.entries()) {
    const name = names[n] ?? '';
    if (name !== a) assert.deepEqual(without(lines, a), without(first, name), `${name} and ${a} heard another order`);
    if (name !== b) assert.deepEqual(without(lines, b), without(second, name), `${name} and ${b} heard another order`);
  }
}

/** How many of the links took bytes away. */
export function harmedOf(links: readonly FaultyLink[]): number {
  return links.filter(({ harmed }) => harmed).length;
}
