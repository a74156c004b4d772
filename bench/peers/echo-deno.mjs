// Deno.listen: read and write of Deno's own connections.
const listener = Deno.listen({ hostname: '127.0.0.1', port: 0 });
console.log(`PORT ${listener.addr.port}`);
for await (const connection of listener) void echo(connection);

async function echo(connection) {
  connection.setNoDelay();
  const buffer = new Uint8Array(65536);
  try {
    for (let n = await connection.read(buffer); n !== null; n = await connection.read(buffer)) {
      for (let at = 0; at < n;) at += await connection.write(buffer.subarray(at, n));
    }
    connection.close();
  } catch {
    // The client is gone, and the connection with it.
  }
}
