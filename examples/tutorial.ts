// examples/tutorial.ts: the whole program
import { run, startServer, type StreamReader, type StreamWriter } from 'maitre';

async function handleClient(reader: StreamReader, writer: StreamWriter) {
  const data = await reader.read(1024);
  console.log(`Received: ${data}`);
  writer.write('Hello, Client!');
  await writer.drain();
  writer.close();
  await writer.waitClosed();
}

await run(async () => {
  await using server = await startServer(handleClient, { host: '127.0.0.1', port: 8002 });
  await server.serveForever();
});
