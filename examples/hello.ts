// npm start                      serves this file
// printf hi | nc 127.0.0.1 8002  talks to it
//
// Every client gets a call of this function of its own, all on one event loop. While one client's `await` waits, the
// others are served. When the function returns, its connection is closed.
import type { StreamReader, StreamWriter } from 'maitre';

export default async function handleClient(reader: StreamReader, writer: StreamWriter): Promise<void> {
  const data = await reader.read(1024);
  console.log(`Received: ${data}`);
  writer.write('Hello, Client!');
  await writer.drain();
  writer.close();
  await writer.waitClosed();
}
