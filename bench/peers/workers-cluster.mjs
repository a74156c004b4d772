// node:cluster with two processes: the same work as bench/workers.ts for each request, on node:net.
import cluster from 'node:cluster';
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';

const WORK = Buffer.alloc(104 * 1024);

function work(data) {
  return createHash('sha256').update(WORK).update(data).digest();
}

if (cluster.isPrimary) {
  let listening = 0;
  cluster.on('listening', (_worker, { port }) => {
    if (++listening === 2) console.log(`PORT ${port}`);
  });
  for (let i = 0; i < 2; i++) cluster.fork();
} else {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('data', (chunk) => {
      if (work(chunk).length > 0) socket.write(chunk);
    });
    socket.on('error', () => {});
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
}
