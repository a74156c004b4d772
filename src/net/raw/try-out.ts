// Tries whether the raw path works in this process.
import { connect, createServer, type Socket } from 'node:net';
import { toAddress } from '../address.ts';
import { COPY_UP_TO } from '../wire.ts';
import { acceptRaw } from './accept.ts';
import { learnToWrite, useBinding } from './handle.ts';
import type { RawWire } from './wire.ts';

let tried: Promise<boolean> | undefined;

/**
 * Resolves to whether the raw path works here. It is tried once per process, over a loopback
 * connection.
 */
export function hasRawIo(): Promise<boolean> {
  return (tried ??= tryOut().catch(() => false)); // whatever went wrong, the public path works
}

const PROBE = 'maitre';
const PROBE_TIME = 2000;

/**
 * A conversation that uses every usual call once: a client over net, and a server over a RawWire
 * that echoes and ends.
 */
async function tryOut(): Promise<boolean> {
  if ('bun' in process.versions || 'deno' in process.versions) return false;
  if (process.env['MAITRE_RAW_IO'] === 'off') return false;
  if (!useBinding()) return false;
  const server = createServer();
  let client: Socket | undefined;
  let accepted: RawWire | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<boolean>((resolve, reject) => {
      timer = setTimeout(reject, PROBE_TIME, new Error('no answer'));
      server.on('error', reject);
      server.listen({ host: '127.0.0.1', port: 0 }, () => {
        const { port } = server.address() as { port: number }; // it listens on TCP
        const options = { noDelay: true, keepAlive: true, bound: toAddress('127.0.0.1', port) };
        // An error thrown in a callback of the loop would end the process.
        const guarded =
          <A>(fn: (argument: A) => void) =>
          (argument: A): void => {
            try {
              fn(argument);
            } catch (error) {
              reject(error); // whatever it is, the answer is no
            }
          };
        const onWire = guarded((wire: RawWire) => {
          accepted = wire;
          wire.listen({
            onData: (chunk) => {
              // Text and bytes: first as a vector of both, then as one piece.
              const whole = wire.write([chunk, '?'], COPY_UP_TO + 1) && wire.write(['!'], 1);
              if (String(chunk) !== PROBE || !whole) reject(new Error('other bytes came'));
            },
            onDropped: () => reject(new Error('bytes were dropped')),
            onWritten: () => reject(new Error('a write of a few bytes was not taken at once')),
            onEnd: () => wire.end(),
            onClose: (error) => resolve(error === undefined),
          });
        });
        const taken = acceptRaw(server, options, { onWire, onError: reject });
        if (!taken) return resolve(false);
        client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
        let answer = '';
        client.on('error', reject);
        client.on(
          'connect',
          guarded(() => learnToWrite(client as Socket, PROBE) || resolve(false)),
        ); // set above
        client.on('data', (chunk) => {
          answer += String(chunk);
          if (answer === `${PROBE}?!`) client?.end();
        });
        client.on('end', () => accepted?.close());
      });
    });
  } finally {
    clearTimeout(timer);
    client?.destroy();
    accepted?.destroy();
    server.close();
  }
}
