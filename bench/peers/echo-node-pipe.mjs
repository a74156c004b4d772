// node:net, socket.pipe(socket): what Node's own streams make of an echo.
import { createServer } from 'node:net';

const server = createServer({ noDelay: true }, (socket) => {
  socket.pipe(socket);
  socket.on('error', () => {});
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(`PORT ${server.address().port}`));
