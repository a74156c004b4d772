// node:readline over the socket.
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

const server = createServer({ noDelay: true }, (socket) => {
  createInterface({ input: socket, crlfDelay: Infinity }).on('line', (line) => socket.write(`${line}\n`));
  socket.on('error', () => {});
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(`PORT ${server.address().port}`));
