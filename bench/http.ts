// A Hono app on serveHttp.
import { Hono } from 'hono';
import { run } from 'maitre';
import { serveHttp } from 'maitre/http';

const app = new Hono();
app.get('/', (c) => c.text('hi'));

await run(async () => {
  await using server = await serveHttp(app, { host: '127.0.0.1', port: 0 });
  console.log(`PORT ${server.port}`);
  await server.serveForever();
});
