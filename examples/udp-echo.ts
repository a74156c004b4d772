// node examples/udp-echo.ts                  on port 8002        (Node 24 or later; npx tsx examples/... before)
// node examples/udp-echo.ts 9000             on another port; 0 lets the system choose
// printf hi | nc -u -w1 127.0.0.1 8002       sends it a datagram and prints what comes back
//
// UDP knows no connections: one endpoint hears everybody, and each datagram says who sent it. Ctrl-C ends it.
import { CancelledError, createDatagramEndpoint, run } from 'maitre';

const port = Number(process.argv[2] ?? 8002);

await run(async () => {
  // What comes faster than the loop below takes it waits in a queue of 1,024 datagrams; what comes on top is dropped, as
  // UDP may do anywhere on the way. A sender that minds asks again.
  await using endpoint = await createDatagramEndpoint({ local: { host: '127.0.0.1', port }, receiveQueue: 1024 });
  console.log(`Listening on ${endpoint.label}`);
  try {
    for await (const { data, from } of endpoint) {
      try {
        await endpoint.send(data, from);
      } catch (error) {
        // One sender that cannot be reached is no reason to stop answering the others.
        if (error instanceof CancelledError) throw error;
        console.error(`No answer to ${from.address}:${from.port}: ${String(error)}`);
      }
    }
  } finally {
    const { received, dropped, sent } = endpoint.statistics();
    console.log(`${received} received, ${dropped} dropped, ${sent} answered`);
  }
});
