// node:net, `for await` over the socket: what one writes on Node to get an async function per client.
import { once } from 'node:events';
import { createServer } from 'node:net';

// oxlint-disable-next-line typescript/no-misused-promises -- what one writes, with every error caught
const server = createServer({ noDelay: true }, async (socket) => {
  try {
    for await (const chunk of socket) {
      if (!socket.write(chunk)) await once(socket, 'drain');
    }
  } catch {
    socket.destroy();
  }
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(`PORT ${server.address().port}`));
