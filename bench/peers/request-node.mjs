// node:net: one request, one answer, end.
import { createServer } from 'node:net';

const server = createServer({ noDelay: true }, (socket) => {
  socket.once('data', (chunk) => socket.end(chunk));
  socket.on('error', () => {});
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(`PORT ${server.address().port}`));
