// npx maitre serve examples/chat.ts     opens the room
// npx maitre connect 127.0.0.1:8002     enters it: do this in two terminals or more
//
// The first line a client sends is its name, every later one a message to everybody else. All clients are on one event
// loop, so the room is a plain Map and needs no lock: between two `await`s nobody else runs.
import { type Connection, sleep, type StreamReader, type StreamWriter } from 'maitre';

/**
 * Bytes that may wait for one client. Whoever reads so slowly that more would wait is sent away. There are only three
 * ways to treat somebody who does not keep up: let the others wait, use memory without end, or let that one go. A chat
 * takes the third.
 */
const MOST_WAITING = 1024 * 1024;

/** Who is in the room. */
const room = new Map<string, Connection>();

export default async function chat(reader: StreamReader, writer: StreamWriter, client: Connection): Promise<void> {
  const lines = reader.lines(); // one iterator for the whole conversation
  const name = await askName(lines, writer);
  if (name === undefined) return; // left without one

  const others = [...room.keys()].join(', ') || 'nobody';
  writer.write(`* welcome, ${name}; here are: ${others}\n`);
  tellAll(`* ${name} came in`);
  room.set(name, client);
  try {
    // Ends when the client ends its side, when its connection is lost, and when it was sent away.
    for await (const line of lines) {
      const text = printable(line);
      if (text !== '') tellAll(`${name}: ${text}`, name);

      // Lines that came together are here without any wait in between. This one lets all others have their turn, so
      // that a client that sends a whole book does not talk for all of it.
      await sleep(0);
    }
  } finally {
    // However it ended: also by an error, also by Ctrl-C on the server, which cancels the handler at its `await`.
    if (room.get(name) === client) {
      room.delete(name);
      tellAll(`* ${name} left`);
    }
  }
}

/** Asks until the answer will do. Undefined if the client leaves instead. */
async function askName(lines: AsyncIterator<string>, writer: StreamWriter): Promise<string | undefined> {
  writer.write('* your name?\n');
  for (;;) {
    await writer.drain(); // a question for each answer: one who never reads them is not asked for ever
    const { value: line, done } = await lines.next();
    if (done === true) return undefined;
    const name = line.trim();
    if (!/^[\p{L}\p{N}_-]{1,20}$/u.test(name)) {
      writer.write('* a name has 1 to 20 letters or digits; yours?\n');
    } else if (room.has(name)) {
      writer.write(`* ${name} is here already; another name?\n`);
    } else {
      return name; // nobody can take it before the caller does: there is no `await` in between
    }
  }
}

/**
 * Sends a line to everybody but `except`. It does not wait for anybody: `write` only puts the line into the buffer of
 * each connection, in order. So all clients get all lines in the same order, and a slow one holds up nobody.
 */
function tellAll(line: string, except?: string): void {
  const bytes = Buffer.from(`${line}\n`); // once for all
  const slow: string[] = [];
  for (const [name, client] of room) {
    if (name === except) continue;
    if (client.writer.bufferedBytes + bytes.length > MOST_WAITING) slow.push(name);
    else client.writer.write(bytes);
  }
  for (const name of slow) sendAway(name);
}

function sendAway(name: string): void {
  const client = room.get(name);
  if (client === undefined) return; // telling of the one before has sent this one away too
  room.delete(name); // first, so that nobody writes to it any more
  client.abort(); // not close(): that would send what waits first, to one who does not read
  tellAll(`* ${name} was sent away: too slow`);
}

/** Without control characters: what one client sends is not to move the cursor in the terminals of the others. */
function printable(line: string): string {
  return line.replace(/\p{Cc}/gu, ' ').trim();
}
