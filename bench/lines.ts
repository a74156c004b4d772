// Lines back as they come, as a user writes it.
import { formatAddress, run, startServer, type StreamReader, type StreamWriter } from 'maitre';

async function echoLines(reader: StreamReader, writer: StreamWriter): Promise<void> {
  for (;;) {
    const line = await reader.readLine();
    if (line.length === 0) return;
    writer.write(line);
    await writer.drain();
  }
}

await run(async () => {
  await using server = await startServer(echoLines, { host: '127.0.0.1', port: 0 });
  for (const address of server.addresses) console.log(`PORT ${formatAddress(address).split(':').pop()}`);
  await server.serveForever();
});
