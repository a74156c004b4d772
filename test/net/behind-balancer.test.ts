import assert from 'node:assert/strict';
import { type ExceptionContext, type Handler, type Refusal, setExceptionHandler } from 'maitre';
import { test } from '../support/test.ts';
import { pause, RawClient, until, withServer } from './sockets.ts';

const HEADER = 'PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\r\n';
/** Version 2, LOCAL: the balancer speaks for itself. */
const LOCAL = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');

/** Connects, sends, and ends or resets, as health checks do. */
async function check(port: number, text: string | Buffer, end: 'end' | 'reset'): Promise<void> {
  const client = await new RawClient(port).connected();
  if (text.length > 0) client.socket.write(text);
  await pause(5);
  if (end === 'reset') client.reset();
  else client.socket.destroy();
  await until(() => client.closed);
}

test('a health check is no news, whether it ends or resets, and whether it sends a header or nothing', async () => {
  const contexts: ExceptionContext[] = [];
  using _ = setExceptionHandler((context) => contexts.push(context));
  const handler: Handler = async (reader) => void (await reader.readLine());
  const told: unknown[] = [];
  for (const extra of [
    {},
    { onRefused: (refusal: Refusal) => void told.push(refusal), onError: (error: unknown) => void told.push(error) },
  ]) {
    await withServer(handler, { proxyProtocol: true, ...extra }, async (server, port) => {
      for (const text of ['', HEADER, LOCAL]) {
        await check(port, text, 'end');
        await check(port, text, 'reset');
      }
      await until(() => server.statistics().accepted === 6 && server.connections.size === 0);
    });
  }
  assert.deepEqual(
    contexts.map(({ message }) => message),
    [],
  );
  assert.deepEqual(told, []);
});

test('a client that is lost after its first byte is news, and one that a limit ended without a byte is, too', async () => {
  const errors: string[] = [];
  const refused: string[] = [];
  const options = {
    proxyProtocol: true,
    idleTimeout: 200,
    onError: (error: unknown) => void errors.push(String(error)),
    onRefused: ({ code, message }: Refusal) => void refused.push(`${code}: ${message}`),
  };
  const handler: Handler = async (reader) => void (await reader.readLine());
  await withServer(handler, options, async (server, port) => {
    await check(port, `${HEADER}half a line`, 'reset');
    await check(port, 'PROXY TCP4 192', 'reset');
    await until(() => server.connections.size === 0);
    assert.match(errors.join(), /^ConnectionLostError: Connection lost: read ECONNRESET$/);
    assert.match(refused.join(), /^proxyProtocol: Connection lost: /);
    const silent = await new RawClient(port).connected();
    const named = await new RawClient(port).connected();
    named.socket.write(HEADER);
    await until(() => silent.closed || silent.ended);
    await until(() => named.closed || named.ended);
    for (const { socket } of [silent, named]) socket.destroy();
    await until(() => silent.closed && named.closed && server.connections.size === 0);
  });
  assert.match(errors[1] ?? '', /idleTimeout/);
  assert.match(refused[1] ?? '', /^proxyProtocol: .*idleTimeout/);
  assert.deepEqual([errors.length, refused.length], [2, 2]);
});
