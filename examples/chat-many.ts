// redis-server                                 in one terminal
// PORT=8003 node examples/chat-many.ts         in two others, each with a port of its own (npx tsx on Node 20 and 22)
// PORT=8004 node examples/chat-many.ts
// npx maitre connect 127.0.0.1:8003            one guest here,
// npx maitre connect 127.0.0.1:8004            one there
//
// The chat of chat.ts on many servers: whoever is on one of them hears what is said on all. A server may die at any moment;
// its guests connect to another one, and miss nothing. REDIS_URL says where Redis is. With PROXY=1 a balancer is in front,
// which says by the PROXY protocol who the client is; docs/guides/many-machines.md has one for haproxy.
//
// A guest says its name, and where it was: `ada`, or `ada 1700000000000-17` when it comes back. It numbers what it says:
// `1 hello`. It hears `1700000000000-18 ada 1 hello`: where that is, who said it, the number, the text. When it comes back,
// it says again what it has not heard of itself: a number that was said before is not said twice.
import {
  type Connection,
  MissedItemsError,
  race,
  run,
  sleep,
  startServer,
  type StreamReader,
  type StreamWriter,
  timeout,
} from 'maitre';
import { RedisBroadcast } from 'maitre/distributed';

interface Said {
  readonly who: string;
  readonly number: number;
  readonly text: string;
}

const { PORT = '8003', HOST: host = '127.0.0.1', REDIS_URL: redis = 'redis://localhost:6379', PROXY } = process.env;

await run(async () => {
  // Redis keeps the latest 100,000 things said. Who was away for longer is told so.
  await using room = new RedisBroadcast<Said>('chat', { redis, replay: { max: 100_000 } });
  await using server = await startServer((...guest) => chat(room, ...guest), {
    host,
    port: Number(PORT),
    proxyProtocol: PROXY === '1',
  });
  const [address] = server.addresses;
  const port = address !== undefined && 'port' in address ? address.port : PORT;
  console.log(`npx maitre connect ${host}:${port}`);
  await sleep(Infinity);
});

async function chat(
  room: RedisBroadcast<Said>,
  reader: StreamReader,
  writer: StreamWriter,
  client: Connection,
): Promise<void> {
  const lines = reader.lines();
  writer.write('* your name?\n');
  const { value: first = '' } = await lines.next();
  const [, who, after] = /^([\p{L}\p{N}_-]{1,20})(?: (0|\d+-\d+))?$/u.exec(first.trim()) ?? [];
  if (who === undefined) {
    writer.write('* a name has 1 to 20 letters or digits\n');
    return;
  }
  // Its place in what is said: from now on, or after what it heard last, on whichever server that was.
  using heard = room.subscribe({ after });
  try {
    await heard.ready();
    const from = 'address' in client.peer ? client.peer.address : 'here';
    writer.write(`* welcome ${who} from ${from}; this is ${heard.position}\n`);
    // Whichever ends first ends the other: it leaves, or it cannot be told any more.
    await race([() => listen(room, lines, who), () => tell(heard, writer)]);
  } catch (error) {
    if (!(error instanceof MissedItemsError)) throw error;
    writer.write('* you were away for too long; come back without a place\n');
  }
}

/** Passes on what the guest says. */
async function listen(room: RedisBroadcast<Said>, lines: AsyncIterable<string>, who: string): Promise<void> {
  for await (const line of lines) {
    const [, number, text = ''] = /^(\d{1,15}) (.*)$/.exec(line) ?? [];
    if (Number(number ?? 0) < 1) continue; // no number, nothing said
    const said = { who, number: Number(number), text: text.replace(/\p{Cc}/gu, ' ') };
    // If this server dies now, the guest does not know whether it was said. It says it again elsewhere, and `once` leaves
    // out what was.
    await room.publish(said, { once: { sender: who, number: said.number } });
  }
}

/** Tells the guest what is said. What it does not read in time stays in Redis. */
async function tell(
  heard: AsyncIterable<Said> & { readonly position: string | undefined },
  writer: StreamWriter,
): Promise<void> {
  for await (const { who, number, text } of heard) {
    writer.write(`${heard.position} ${who} ${number} ${text}\n`);
    await timeout(30_000, () => writer.drain());
  }
}
