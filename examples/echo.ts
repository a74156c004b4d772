// npx maitre serve examples/echo.ts     sends back whatever it gets
// npx maitre connect 127.0.0.1:8002     talks to it; Ctrl-D ends the input
//
// Read, write, drain: the three steps most handlers are made of.
import type { StreamReader, StreamWriter } from 'maitre';

export default async function echo(reader: StreamReader, writer: StreamWriter): Promise<void> {
  for (;;) {
    // Waits until there is something, then gives what there is, at most 65,536 bytes. How the client cut it into writes
    // is not kept: TCP is a stream of bytes, not of messages. For messages of one line each see chat.ts.
    const data = await reader.read(65536);

    // Nothing at all means that the client has ended its side. We still may write, and what we wrote still arrives.
    if (data.length === 0) return;

    // Never waits: it puts the bytes into the connection's buffer.
    writer.write(data);

    // Waits while too much is in that buffer. A client that sends and never reads is held up here, and only that client:
    // we stop reading from it until it takes something, so it cannot fill our memory. Leave the line out and it can.
    await writer.drain();
  }
}
