// `maitre serve --tls-cert --tls-key` and `maitre connect --tls` as processes, with each other and with openssl's errors.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { openConnection } from 'maitre';
import { first as certificate, renewed } from '../net/fixtures/certificates.js';
import { endsWith, Folder, maitre, Program, runMaitre, startServing } from '../support/program.js';
import { test } from '../support/test.js';

const GREETS = `export default async (reader, writer) => writer.write('got ' + await reader.readLine());`;

/** A folder with a handler, a certificate for localhost and 127.0.0.1, and its key. */
class TlsFolder extends Folder {
  readonly file: string = this.write('greets.mjs', GREETS);
  readonly cert: string = this.write('cert.pem', certificate.cert);
  readonly key: string = this.write('key.pem', certificate.key);

  /** The options of `maitre serve`. */
  get options(): string[] {
    return [this.file, '--tls-cert', this.cert, '--tls-key', this.key];
  }
}

test('--tls-cert and --tls-key serve over TLS, and the banner says what to type', async () => {
  using folder = new TlsFolder();
  await using serving = await startServing(folder.options);
  const { port, program } = serving;
  assert.equal(
    program.stdout,
    `serving ${folder.file} on 127.0.0.1:${port} over TLS; Ctrl-C ends it\nto see it work, type in another terminal:\n` +
      `    NODE_EXTRA_CA_CERTS=${folder.cert} npx maitre connect 127.0.0.1:${port} --tls\n`,
  );
  const tls = { ca: certificate.cert };
  await using connection = await openConnection({ host: '127.0.0.1', port, tls });
  connection.writer.write('soup\n');
  assert.equal(String(await connection.reader.read()), 'got soup\n');
  await program.sees(/ms {2}5 bytes in, 9 out {2}done\n/);
});

test('maitre connect --tls talks to maitre serve over TLS as the banner says', async () => {
  using folder = new TlsFolder();
  await using serving = await startServing(folder.options);
  const env = { NODE_EXTRA_CA_CERTS: folder.cert };
  for (const args of [
    ['--tls', `127.0.0.1:${serving.port}`],
    [`localhost:${serving.port}`, '--tls'],
  ]) {
    await using program = new Program([maitre, 'connect', ...args], { env });
    program.child.stdin?.end('soup\n'); // the answer comes after the end of the input, which TLS does not pass on
    const { code, stdout, stderr } = await program.ended();
    assert.deepEqual([code, stdout, stderr], [0, 'got soup\n', '']);
  }
});

test('--path and --tls-cert go together', async () => {
  using folder = new TlsFolder();
  const path = join(folder.path, 'x.sock');
  await using serving = new Program([maitre, 'serve', ...folder.options, '--path', path]);
  await serving.sees(/^ {4}NODE_EXTRA_CA_CERTS=\S+ npx maitre connect \/.*x\.sock --tls\n/m);
  await using program = new Program([maitre, 'connect', '--tls', path], {
    env: { NODE_EXTRA_CA_CERTS: folder.cert },
  });
  program.child.stdin?.end('soup\n');
  const { code, stdout, stderr } = await program.ended();
  assert.deepEqual([code, stdout, stderr], [0, 'got soup\n', '']);
  await endsWith(serving, 'SIGTERM', 0, 5000);
});

test('maitre connect --tls says in one line whose certificate was refused and why, or that there is no TLS', async () => {
  using folder = new TlsFolder();
  await using secured = await startServing(folder.options);
  await using plain = await startServing([
    folder.write('talks.mjs', `export default (_, writer) => writer.write('220 hello');`),
  ]);
  for (const [port, why] of [
    [secured.port, /its certificate was refused, self.signed certificate.*\n$/],
    [plain.port, /the server does not speak TLS.*\n$/],
  ] as const) {
    const { code, stdout, stderr } = await runMaitre(['connect', '--tls', `localhost:${port}`]);
    assert.deepEqual([code, stdout], [1, '']);
    assert.ok(stderr.startsWith(`maitre: cannot connect to localhost:${port}: `), stderr);
    assert.match(stderr, why);
    assert.equal(stderr.split('\n').length, 2, stderr);
  }
});

test('what is wrong with the files is one line that names the option and the file', async () => {
  using folder = new TlsFolder();
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const pem = { type: 'pkcs8', format: 'pem' } as const;
  const other = folder.write('other.pem', privateKey.export(pem));
  const encrypted = privateKey.export({ ...pem, cipher: 'aes-128-cbc', passphrase: 'sesame' });
  const { cert, key, file } = folder;
  for (const [args, exitCode, line] of [
    [['--tls-cert', cert], 2, "--tls-cert needs the certificate's private key: --tls-key FILE"],
    [['--tls-key', key], 2, '--tls-key needs the certificate that it is of: --tls-cert FILE'],
    [['--tls-cert', `${cert}x`, '--tls-key', key], 2, `cannot read --tls-cert ${cert}x: there is no such file`],
    [
      ['--tls-cert', cert, '--tls-key', folder.path],
      1,
      `cannot read --tls-key ${folder.path}: it is a folder, expected a file in PEM form`,
    ],
    [['--tls-cert', cert, '--tls-key', cert], 1, `cannot serve: --tls-key ${cert} is not valid (`],
    [['--tls-cert', key, '--tls-key', key], 1, `cannot serve: --tls-cert ${key} is not valid (`],
    [
      ['--tls-cert', cert, '--tls-key', other],
      1,
      `cannot serve: --tls-key ${other} does not belong to --tls-cert ${cert}, expected its private key`,
    ],
    [
      ['--tls-cert', cert, '--tls-key', folder.write('enc.pem', encrypted)],
      1,
      `cannot serve: --tls-key ${folder.path}/enc.pem is encrypted, expected a key without a passphrase`,
    ],
  ] as const) {
    const { code, stdout, stderr } = await runMaitre(['serve', file, '--port', '0', ...args]);
    assert.deepEqual([code, stdout], [exitCode, ''], stderr);
    assert.ok(stderr.startsWith(`maitre: ${line}`), stderr);
    assert.equal(stderr.split('\n').length, 2, stderr);
  }
});

const isNode = !('bun' in process.versions || 'deno' in process.versions);

test(
  'a reload of workers serves the certificate that the files have now, and one that cannot be read leaves the old',
  async () => {
    using folder = new TlsFolder();
    await using serving = await startServing([...folder.options, '--workers', '1']);
    const { port, program } = serving;
    const greet = async (ca: string): Promise<string> => {
      await using connection = await openConnection({ host: '127.0.0.1', port, tls: { ca } });
      connection.writer.write('soup\n');
      return String(await connection.reader.read());
    };
    assert.equal(await greet(certificate.cert), 'got soup\n');
    folder.write('cert.pem', renewed.cert);
    folder.write('key.pem', renewed.key);
    program.signal('SIGHUP');
    await program.sees(/^reloaded: a new worker serves\n/m);
    assert.equal(await greet(renewed.cert), 'got soup\n');
    folder.write('cert.pem', 'broken');
    program.signal('SIGHUP');
    await program.sees(/^reload failed: .*certificate in PEM form\n/m, 'stderr');
    assert.equal(await greet(renewed.cert), 'got soup\n');
  },
  { skip: !isNode && 'this runtime cannot hand clients to workers', timeout: 120_000 },
);
