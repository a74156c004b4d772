// Opens UDP sockets: looks names up, binds the socket, connects it when it has one peer, and sets
// its options. The result is a DatagramEndpoint. After a failure or a cancel, the socket is closed.
import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { cancellable, Future, inTask, waiting } from '../core/index.ts';
import { DatagramEndpoint } from './datagram-endpoint.ts';
import { checkDatagramOptions, checkTarget, type DatagramOptions, onFamily, toGroup } from './datagram-options.ts';

/**
 * Opens a UDP socket. Without `remote`, it receives on `local` and sends to anyone. With `remote`,
 * it exchanges datagrams with that peer alone, and calls reject when the peer refuses them.
 * Cancellable; nothing stays open then. asyncio: `create_datagram_endpoint`.
 * @throws the system's error (EADDRINUSE, EACCES, ENOTFOUND, ...); TypeError and RangeError for
 * wrong and unknown options; CancelledError
 *
 * @example
 * ```ts
 * import { createDatagramEndpoint } from 'maitre';
 * await using endpoint = await createDatagramEndpoint({ local: { host: '127.0.0.1', port: 0 } });
 * await endpoint.send('soup', endpoint.address);
 * for await (const { data, from } of endpoint) {
 *   console.log(String(data), from.address === endpoint.address.address);
 *   endpoint.close(); // ends the loop
 * }
 * ```
 */
export function createDatagramEndpoint(options: DatagramOptions = {}): Promise<DatagramEndpoint> {
  return waiting(openEndpoint(options));
}

async function openEndpoint(options: DatagramOptions): Promise<DatagramEndpoint> {
  checkDatagramOptions(options);
  let endpoint: DatagramEndpoint | undefined;
  const openIt = async (): Promise<DatagramEndpoint> => (endpoint = await open(options));
  try {
    return await inTask('createDatagramEndpoint', openIt, options);
  } catch (error) {
    endpoint?.close(); // cancelled after it had opened
    throw error;
  }
}

async function open(options: DatagramOptions): Promise<DatagramEndpoint> {
  const { reuseAddress = false, reusePort = false, ipv6Only = false, recvBufferSize, sendBufferSize } = options;
  const { family, local, remote } = await resolveAddresses(options);
  const socket = createSocket({
    type: family === 'IPv6' ? 'udp6' : 'udp4',
    reuseAddr: reuseAddress,
    ipv6Only,
    ...(reusePort ? { reusePort } : undefined),
    ...(recvBufferSize === undefined ? undefined : { recvBufferSize }),
    ...(sendBufferSize === undefined ? undefined : { sendBufferSize }),
  });
  try {
    const port = options.local?.port ?? 0;
    await event(socket, 'listening', () => socket.bind(local === undefined ? { port } : { port, address: local }));
    if (remote !== undefined) await event(socket, 'connect', () => socket.connect(remote.port, remote.host));
    if (options.broadcast === true) socket.setBroadcast(true);
    const { join = [], interface: on, ttl, loopback } = options.multicast ?? {};
    if (on !== undefined) socket.setMulticastInterface(on);
    if (ttl !== undefined) socket.setMulticastTTL(ttl);
    if (loopback !== undefined) socket.setMulticastLoopback(loopback);
    const endpoint = DatagramEndpoint.make(socket, family, options);
    for (const each of join) {
      const { group, interface: groupOn } = toGroup(each);
      endpoint.joinGroup(group, { interface: groupOn });
    }
    return endpoint;
  } catch (error) {
    socket.on('error', () => undefined); // the bind may still fail
    socket.close();
    throw error;
  }
}

/** Calls `begin`, and waits for the event `name` of the socket, or for its error. */
async function event(socket: Socket, name: 'listening' | 'connect', begin: () => void): Promise<void> {
  const future = new Future<void>();
  const onEvent = (): void => void future.answer();
  const onError = (error: Error): void => void future.fail(error);
  socket.once(name, onEvent);
  socket.once('error', onError);
  try {
    begin();
    await future;
  } finally {
    socket.off(name, onEvent);
    socket.off('error', onError);
  }
}

interface Addresses {
  readonly family: 'IPv4' | 'IPv6';
  readonly local: string | undefined;
  readonly remote: { readonly host: string; readonly port: number } | undefined;
}

/** Looks names up, and chooses the family: a socket has one. */
async function resolveAddresses(options: DatagramOptions): Promise<Addresses> {
  const remote =
    options.remote === undefined ? undefined : checkTarget(options.remote, 'remote', 'create datagram endpoint');
  const hosts = [options.local?.host, remote?.host];
  let family = options.family;
  for (const host of hosts) {
    if (host !== undefined && isIP(host) !== 0) family ??= isIP(host) === 6 ? 'IPv6' : 'IPv4';
  }
  const found: (string | undefined)[] = [];
  for (const host of hosts) {
    if (host === undefined || isIP(host) !== 0) {
      found.push(host);
      continue;
    }
    const wanted = family === undefined ? 0 : family === 'IPv6' ? 6 : 4;
    const addresses = await cancellable(lookup(host, { all: true, family: wanted }));
    const chosen = addresses.find((each) => each.family === 4) ?? addresses[0];
    if (chosen !== undefined) family ??= chosen.family === 6 ? 'IPv6' : 'IPv4';
    found.push(chosen?.address ?? host);
  }
  const settled = family ?? 'IPv4';
  const [local, peer] = found.map((host) =>
    host === undefined ? undefined : onFamily(host, settled, 'create datagram endpoint'),
  );
  return {
    family: settled,
    local,
    remote: peer === undefined || remote === undefined ? undefined : { host: peer, port: remote.port },
  };
}
