// `maitre serve` with an app: over HTTP, with the same options.
import assert from 'node:assert/strict';
import { get } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { missing } from '../../net/programs.js';
import { freePort } from '../../net/sockets.js';
import { endsWith, Folder, maitre, Program, root } from '../../support/program.js';
import { test } from '../../support/test.js';

const APP = `export default {
  fetch(request) {
    if (request.url.endsWith('/throw')) throw new Error('no soup');
    return new Response('hi\\n');
  },
};`;

async function portOf(program: Program): Promise<number> {
  const [, port] = await program.sees(/^ {4}http:\/\/127\.0\.0\.1:(\d+)\/\n/m);
  return Number(port);
}

test('a default export with fetch is served over HTTP, with the address to open, a line for each request, and a shutdown', async () => {
  using folder = new Folder();
  const file = folder.write('app.mjs', APP);
  await using program = new Program([maitre, 'serve', file, '--port', '0']);
  const port = await portOf(program);
  assert.equal(
    program.stdout,
    `serving ${file} on 127.0.0.1:${port} over HTTP; Ctrl-C ends it\nto see it work, open:\n    http://127.0.0.1:${port}/\n`,
  );
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/soup?x`)).text(), 'hi\n');
  await program.sees(/127\.0\.0\.1:\d+ {2}GET \/soup\?x {2}200 {2}3 bytes {2}\d+ ms\n/);
  assert.equal((await fetch(`http://127.0.0.1:${port}/throw`)).status, 500);
  await program.sees(/GET \/throw {2}500/);
  assert.match(program.stderr, /^error in the handler of GET \/throw from 127\.0\.0\.1:\d+: Error: no soup\n/);
  const { stdout } = await endsWith(program, 'SIGTERM', 0, 8000); // its keep-alive connections end at once
  assert.match(stdout, /stopping[^]*stopped: \d+ finished, 0 cancelled, 0 aborted\n$/);
});

test('a Hono app, as JSON lines, without requests when quiet', async () => {
  using folder = new Folder();
  const hono = pathToFileURL(join(root, 'node_modules/hono/dist/index.js')).href;
  const file = folder.write(
    'app.mjs',
    `import { Hono } from '${hono}';\nconst app = new Hono();\napp.get('/', (c) => c.json({ a: 1 }));\nexport default app;`,
  );
  for (const quiet of [[], ['--quiet']]) {
    await using program = new Program([maitre, 'serve', file, '--port', '0', '--log', 'json', ...quiet]);
    const [ready = ''] = await program.sees(/\{.*"ready".*\n/);
    const { addresses, http } = JSON.parse(ready) as { addresses: { port: number }[]; http: boolean };
    assert.equal(http, true);
    assert.deepEqual(await (await fetch(`http://127.0.0.1:${addresses[0]?.port}/`)).json(), { a: 1 });
    if (quiet.length === 0) await program.sees(/"event":"request","method":"GET","path":"\/","status":200,"bytes":7/);
    const { stdout } = await endsWith(program, 'SIGTERM', 0, 8000);
    assert.equal(stdout.includes('"request"'), quiet.length === 0);
  }
});

test('--path serves an app on a Unix socket', async () => {
  using folder = new Folder();
  const path = join(folder.path, 'web');
  await using program = new Program([maitre, 'serve', folder.write('app.mjs', APP), '--path', path]);
  await program.sees(/^ {4}curl --unix-socket .*web http:\/\/localhost\/\n/m);
  await endsWith(program, 'SIGTERM', 0, 8000);
});

test(
  'without an address it serves an app on the sockets that systemd hands over',
  async () => {
    using folder = new Folder();
    const [port, path] = [await freePort(), join(folder.path, 'web')];
    const command = ['-l', `127.0.0.1:${port}`, '-l', path, process.execPath, maitre, 'serve'];
    await using program = new Program([...command, folder.write('app.mjs', APP)], {
      command: 'systemd-socket-activate',
    });
    await program.sees(/^Listening on .* as 3\.\n/m, 'stderr');
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/soup`)).text(), 'hi\n');
    const answer = await new Promise<string>((resolve, reject) => {
      get({ socketPath: path, path: '/stew' }, (response) => {
        response.setEncoding('utf8').once('data', resolve);
      }).once('error', reject);
    });
    assert.equal(answer, 'hi\n');
    await program.sees(/GET \/stew {2}200/);
    await endsWith(program, 'SIGTERM', 0, 8000);
  },
  { skip: missing('systemd-socket-activate') },
);
