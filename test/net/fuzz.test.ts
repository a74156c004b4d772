// Servers and what is nearly right: valid streams of every protocol, mutated, cut into random chunks, ended, reset or left,
// over real sockets. Whatever comes, only the documented errors do, nothing is left, and a good client is served.
import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Server as NetServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import {
  type Connection,
  ConnectionLostError,
  type Handler,
  IncompleteReadError,
  LimitOverrunError,
  openConnection,
  type ServerOptions,
  setExceptionHandler,
  TimeoutError,
} from 'maitre';
import * as fc from 'fast-check';
import { encode, framings, isDocumented } from '../streams/framing/framings.ts';
import { test } from '../support/test.ts';
import { first } from './fixtures/certificates.ts';
import { Dice, withSeed } from './mutation.ts';
import { echo, HOST, pause, RawClient, until, withServer } from './sockets.ts';

/** How many clients a target gets, a framing (there are many alike), and how many come at once. */
const CASES = 150;
const FRAMING_CASES = 50;
const AT_ONCE = 25;

interface Target {
  readonly handler: Handler;
  readonly options?: ServerOptions;
  readonly cases?: number;
  /** Valid streams. */
  readonly valid: (dice: Dice) => Promise<readonly Buffer[]> | readonly Buffer[];
  /** Whether an error may come, beside the loss of the connection. */
  readonly isDocumented: (error: unknown) => boolean;
  /** A client that does everything right. */
  readonly good: (port: number) => Promise<void>;
}

const trusted = { ca: first.cert, servername: 'localhost' };
const PROXY_1 = 'PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\r\n';
const PROXY_2 = Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000201c0000209dc0401bb', 'hex');
const PROXY_6 = Buffer.concat([Buffer.from('0d0a0d0a000d0a515549540a21210024', 'hex'), Buffer.alloc(36, 0x20)]);

async function speaks(client: Connection): Promise<void> {
  client.writer.write('good\n');
  assert.equal(String(await client.reader.readLine()), 'good\n');
  await client.close();
}

/** The first flight of a TLS client, as it is. */
async function realHello(): Promise<Buffer> {
  const server: NetServer = createServer();
  await new Promise<void>((resolve) => void server.listen(0, HOST, resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const hello = await new Promise<Buffer>((resolve) => {
    server.on('connection', (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (chunk: Buffer) => {
        resolve(chunk);
        socket.destroy();
      });
    });
    const client = connectTls({ port, host: HOST, ca: first.cert });
    client.on('error', () => undefined);
  });
  await new Promise((resolve) => void server.close(resolve));
  return hello;
}

const isShaken = (error: unknown): boolean => String(error).startsWith('Error: TLS handshake failed: ');

const targets: Record<string, Target> = {
  'a server of lines': {
    handler: echo,
    options: { limit: 100 },
    valid: () => [Buffer.from('one\ntwo\r\n\nthree\n'), Buffer.from(`${'x'.repeat(99)}\n`), Buffer.alloc(300, 'y')],
    isDocumented: (error) => error instanceof LimitOverrunError,
    good: async (port) => speaks(await openConnection({ host: HOST, port })),
  },
  'the header of a balancer': {
    handler: echo,
    options: { proxyProtocol: true },
    valid: () => [Buffer.from(`${PROXY_1}hi\n`), PROXY_2, PROXY_6, Buffer.from('PROXY UNKNOWN\r\nhi\n')],
    isDocumented: (error) =>
      error instanceof IncompleteReadError ||
      error instanceof LimitOverrunError ||
      String(error).startsWith('Error: Cannot read the PROXY protocol header'),
    good: async (port) => {
      const client = await openConnection({ host: HOST, port });
      client.writer.write(PROXY_1);
      await speaks(client);
    },
  },
  'TLS from the start': {
    handler: echo,
    options: { tls: first },
    valid: async () => [await realHello()],
    isDocumented: isShaken,
    good: async (port) => speaks(await openConnection({ host: HOST, port, tls: trusted })),
  },
  startTls: {
    handler: async (reader, writer, connection) => {
      await reader.readUntil('TLS\n');
      await writer.startTls(first);
      await echo(reader, writer, connection);
    },
    valid: async () => [Buffer.concat([Buffer.from('STARTTLS\n'), await realHello()])],
    isDocumented: (error) =>
      error instanceof IncompleteReadError || error instanceof LimitOverrunError || isShaken(error),
    good: async (port) => {
      const client = await openConnection({ host: HOST, port });
      client.writer.write('STARTTLS\n');
      await client.writer.startTls(trusted);
      await speaks(client);
    },
  },
};
for (const { name, records, write, read } of framings) {
  targets[`a server of ${name}`] = {
    cases: FRAMING_CASES,
    handler: async (reader, writer) => {
      for await (const record of read(reader)) {
        write(writer, record);
        await writer.drain();
      }
    },
    valid: (dice) => {
      const samples = fc.sample(records, { numRuns: 6, seed: dice.upTo(2 ** 31) });
      return Promise.all(
        samples.map((sample) => encode((writer) => [sample, sample].forEach((record) => write(writer, record)))),
      );
    },
    isDocumented,
    good: async (port) => {
      const client = await openConnection({ host: HOST, port });
      const [record] = fc.sample(records, { numRuns: 1, seed: 1 });
      write(client.writer, record);
      assert.deepEqual(await read(client.reader).read(), record);
      await client.close();
    },
  };
}

/** Sends the bytes in pieces, and ends, resets, or just leaves. */
async function attack(port: number, bytes: Buffer, dice: Dice): Promise<void> {
  const client = new RawClient(port);
  for (const piece of dice.cut(bytes).slice(0, 50)) {
    client.socket.write(piece);
    if (dice.oneIn(4)) await pause(0);
  }
  const how = dice.upTo(4);
  if (how === 0) await until(() => !client.socket.connecting).then(() => client.reset());
  else if (how === 1) await pause(10);
  else client.socket.end();
  // A server that waits for more has a right to.
  for (let turns = 0; turns < 10 && !client.closed; turns++) await pause(5);
  client.socket.destroy();
  await until(() => client.closed);
}

for (const [name, { handler, options = {}, cases = CASES, valid, isDocumented: isKnown, good }] of Object.entries(
  targets,
)) {
  test(`${name} meets mutated streams with documented errors alone, and goes on`, () =>
    withSeed(async (seed) => {
      const errors: unknown[] = [];
      using _ = setExceptionHandler(({ error }) => void errors.push(error));
      await withServer(handler, { closeNotifyTimeout: 200, ...options }, async (server, port) => {
        const streams = await valid(new Dice(seed));
        let next = 0;
        const attacker = async (): Promise<void> => {
          for (let index = next++; index < cases; index = next++) {
            const dice = new Dice(seed + index);
            await attack(port, dice.mutate(dice.pick(streams)), dice);
          }
        };
        await Promise.all(Array.from({ length: AT_ONCE }, attacker));
        await until(() => server.connections.size === 0, 'the connections to go');
        await good(port);
      });
      const strange = errors.filter((error) => !(error instanceof ConnectionLostError) && !isKnown(error));
      assert.deepEqual(strange, []);
    }));
}

/** Passes connections on, and breaks a byte on the way to the server at a place of the dice's choice. */
async function withNoisyLine(port: number, dice: Dice, body: (port: number) => Promise<void>): Promise<void> {
  const sides = new Set<Socket>();
  const line = createServer((near) => {
    const far = connect(port, HOST);
    for (const side of [near, far]) {
      sides.add(side);
      side.on('error', () => undefined);
      side.on('close', () => {
        sides.delete(side);
        (side === near ? far : near).destroy();
      });
    }
    let left = dice.upTo(3500); // hellos are of 300 to 2,000 bytes, the lines after them of 43 each
    near.on('data', (chunk: Buffer) => {
      if (left >= 0 && left < chunk.length) chunk[left] = (chunk[left] as number) ^ (1 << dice.upTo(8)); // left < length
      left -= chunk.length;
      far.write(chunk);
    });
    far.pipe(near);
  });
  await new Promise<void>((resolve) => void line.listen(0, HOST, resolve));
  try {
    await body((line.address() as AddressInfo).port); // it listens on TCP
  } finally {
    for (const side of sides) side.destroy();
    await new Promise((resolve) => void line.close(resolve));
  }
}

test('TLS over a line that flips a bit in a hello or any later record: no byte of it arrives changed', () =>
  withSeed(async (seed) => {
    const errors: unknown[] = [];
    const heard: string[] = [];
    using _ = setExceptionHandler(({ error }) => void errors.push(error));
    const handler: Handler = async (reader, writer) => {
      for await (const line of reader) {
        heard.push(String(line));
        writer.write(line);
        await writer.drain();
      }
    };
    // A length that was flipped makes the server wait for the rest of a record.
    const options = { tls: first, closeNotifyTimeout: 100, readTimeout: 300, handshakeTimeout: 300 };
    await withServer(handler, options, async (server, port) => {
      await withNoisyLine(port, new Dice(seed), async (noisy) => {
        const talk = async (): Promise<void> => {
          for (let i = 0; i < 4; i++) {
            try {
              const client = await openConnection({
                host: HOST,
                port: noisy,
                tls: trusted,
                closeNotifyTimeout: 100,
                timeout: 1000,
              });
              for (let line = 0; line < 60; line++) {
                client.writer.write('every byte as it was\n');
                if ((await client.reader.readLine()).length === 0) break;
              }
              await client.close();
            } catch {
              // The handshake failed, or the connection was lost.
            }
          }
        };
        await Promise.all(Array.from({ length: 20 }, talk));
        await until(() => server.connections.size === 0);
      });
      await speaks(await openConnection({ host: HOST, port, tls: trusted }));
    });
    assert.deepEqual([...new Set(heard)], ['every byte as it was\n', 'good\n']);
    assert.ok(errors.length > 0);
    const isKnown = (error: unknown): boolean =>
      error instanceof ConnectionLostError || error instanceof TimeoutError || isShaken(error);
    assert.deepEqual(
      errors.filter((error) => !isKnown(error)),
      [],
    );
  }));

test('frames over real sockets that announce more than is allowed are refused before a byte of them is waited for', async () => {
  const errors: unknown[] = [];
  const huge = framings.filter(({ name }) => name.includes('header 8') || name.includes('varint'));
  for (const { read } of huge) {
    const handler: Handler = async (reader) => {
      for await (const _ of read(reader)) assert.fail('nothing whole was sent');
    };
    await withServer(handler, { onError: (error) => void errors.push(error) }, async (server, port) => {
      const before = process.memoryUsage().arrayBuffers;
      const client = await openConnection({ host: HOST, port });
      client.writer.write(Buffer.from([0x90, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10])); // above 2^50 in each of them
      await client.reader.read().catch(() => undefined); // until the server ends it
      await client.close();
      await until(() => server.connections.size === 0);
      assert.ok(process.memoryUsage().arrayBuffers - before < 32 << 20);
    });
  }
  assert.ok(errors.length > 0);
  for (const error of errors) assert.ok(isDocumented(error), String(error));
});
