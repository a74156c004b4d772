// Whether sockets can be moved to threads: Node 24.21 and later, 26.6 and later. It is tried, once,
// with a connection to this process itself.
import { connect, createServer, type Socket } from 'node:net';
import { MessageChannel } from 'node:worker_threads';

/** Milliseconds that the try may take. */
const TRY_TIME = 2000;

let tried: Promise<boolean> | undefined;

/** Resolves to whether this runtime moves connections to threads. */
export function canMoveSockets(): Promise<boolean> {
  return (tried ??= tryOut().catch(() => false)); // whatever went wrong, they cannot be relied on
}

async function tryOut(): Promise<boolean> {
  if ('bun' in process.versions || 'deno' in process.versions) return false;
  const { port1, port2 } = new MessageChannel();
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
  let client: Socket | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<boolean>((resolve, reject) => {
      timer = setTimeout(reject, TRY_TIME, new Error('no answer'));
      port2.on('message', (moved: Socket) => {
        moved.destroy();
        resolve(true);
      });
      port2.on('messageerror', reject);
      server.on('error', reject);
      server.on('connection', (socket) => {
        try {
          port1.postMessage(socket, [socket]); // newer than the types
        } catch {
          socket.destroy();
          resolve(false);
        }
      });
      server.listen({ host: '127.0.0.1', port: 0 }, () => {
        const { port } = server.address() as { port: number }; // it listens on TCP
        client = connect({ port, host: '127.0.0.1' });
        client.on('error', reject);
      });
    });
  } finally {
    clearTimeout(timer);
    client?.on('error', () => undefined).destroy();
    port1.close();
    server.close();
  }
}
