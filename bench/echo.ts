// Echo as a user writes it: also the server of the 100 KiB and the idle benchmarks. `limits` on the command line: with every
// limit there is, none of which is ever reached.
import { formatAddress, run, startServer, type StreamReader, type StreamWriter } from 'maitre';

async function echo(reader: StreamReader, writer: StreamWriter): Promise<void> {
  for (;;) {
    const data = await reader.read(65536);
    if (data.length === 0) return;
    writer.write(data);
    await writer.drain();
  }
}

const limits = {
  maxConnections: 20_000,
  maxPerIp: 20_000,
  idleTimeout: 60_000,
  readTimeout: 60_000,
  writeTimeout: 60_000,
  lifetime: 3_600_000,
  minReceiveRate: 1,
  maxBuffered: 1 << 20,
};

await run(async () => {
  const where = { host: '127.0.0.1', port: 0 };
  await using server = await startServer(echo, process.argv.includes('limits') ? { ...where, ...limits } : where);
  for (const address of server.addresses) console.log(`PORT ${formatAddress(address).split(':').pop()}`);
  await server.serveForever();
});
