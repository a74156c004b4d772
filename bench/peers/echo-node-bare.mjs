// The floor under an async handler on node:net: one promise per read, the writes of a turn gathered in a tick, a context of
// its own. No cancel, no limits, no back-pressure, no errors: what every line of maitre is measured against.
import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer } from 'node:net';

const carrier = new AsyncLocalStorage();
const drained = Promise.resolve();

const server = createServer({ noDelay: true }, (socket) => void carrier.run({}, () => echo(socket)));
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(`PORT ${server.address().port}`));

async function echo(socket) {
  let resolveRead;
  const executor = (resolve) => {
    resolveRead = resolve;
  };
  socket.on('data', (chunk) => resolveRead(chunk));
  socket.on('error', () => {});
  for (;;) {
    const data = await new Promise(executor);
    process.nextTick(write, socket, data);
    await drained;
  }
}

function write(socket, data) {
  socket.write(data);
}
