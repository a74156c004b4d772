// Echo as a user writes it: also the server of the 100 KiB and the idle benchmarks.
import { formatAddress, run, startServer, type StreamReader, type StreamWriter } from 'maitre';

async function echo(reader: StreamReader, writer: StreamWriter): Promise<void> {
  for (;;) {
    const data = await reader.read(65536);
    if (data.length === 0) return;
    writer.write(data);
    await writer.drain();
  }
}

await run(async () => {
  await using server = await startServer(echo, { host: '127.0.0.1', port: 0 });
  for (const address of server.addresses) console.log(`PORT ${formatAddress(address).split(':').pop()}`);
  await server.serveForever();
});
