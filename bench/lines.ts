// Lines back as they come, as a user writes it. `try` on the command line: with tryReadLine, which saves the promise of a line.
import { formatAddress, run, startServer, type StreamReader, type StreamWriter } from 'maitre';

async function echoLines(reader: StreamReader, writer: StreamWriter): Promise<void> {
  for (;;) {
    const line = await reader.readLine();
    if (line.length === 0) return;
    writer.write(line);
    await writer.drain();
  }
}

async function tryEchoLines(reader: StreamReader, writer: StreamWriter): Promise<void> {
  for (;;) {
    const line = reader.tryReadLine() ?? (await reader.readLine());
    if (line.length === 0) return;
    writer.write(line);
    await writer.drain();
  }
}

await run(async () => {
  const handler = process.argv.includes('try') ? tryEchoLines : echoLines;
  await using server = await startServer(handler, { host: '127.0.0.1', port: 0 });
  for (const address of server.addresses) console.log(`PORT ${formatAddress(address).split(':').pop()}`);
  await server.serveForever();
});
