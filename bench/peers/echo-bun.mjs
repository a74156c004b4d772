// Bun.listen, callbacks. What a full socket does not take is kept, as its documentation asks for.
const server = Bun.listen({
  hostname: '127.0.0.1',
  port: 0,
  socket: {
    open(socket) {
      socket.data = [];
    },
    data(socket, chunk) {
      if (socket.data.length > 0) {
        socket.data.push(Buffer.from(chunk));
        return;
      }
      const written = socket.write(chunk);
      if (written < chunk.length) socket.data.push(Buffer.from(chunk.subarray(Math.max(0, written))));
    },
    drain(socket) {
      while (socket.data.length > 0) {
        const written = socket.write(socket.data[0]);
        if (written < socket.data[0].length) {
          socket.data[0] = socket.data[0].subarray(Math.max(0, written));
          return;
        }
        socket.data.shift();
      }
    },
    error() {},
  },
});
console.log(`PORT ${server.port}`);
