// One request, one answer, and the end of the connection: the handler's own.
import { formatAddress, run, startServer, type StreamReader, type StreamWriter } from 'maitre';

async function answer(reader: StreamReader, writer: StreamWriter): Promise<void> {
  writer.write(await reader.read(1024));
  await writer.drain();
}

await run(async () => {
  await using server = await startServer(answer, { host: '127.0.0.1', port: 0 });
  for (const address of server.addresses) console.log(`PORT ${formatAddress(address).split(':').pop()}`);
  await server.serveForever();
});
