// `maitre record`: which span is asked for, and the file.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packRecording, type PackedRecording, unpackRecording } from '#src/inspect/protocol/index.js';
import { type Answers, FRESH, startFake } from '../support/fake-inspector.js';
import { Folder, runMaitre } from '../support/program.js';
import { recordingOf } from '../support/recordings.js';
import { test } from '../support/test.js';

const sentence = 'Recorded 10 s; the loop was blocked once.';

test('maitre record writes a page with the recording in it, and prints the sentence and the file', async () => {
  const recording = recordingOf(1);
  await using fake = await startFake({
    record: () => ({ sentence, fresh: FRESH, recording: packRecording(recording) }),
  });
  using folder = new Folder();
  const file = join(folder.path, 'dinner.html');
  const { code, stdout, stderr } = await runMaitre(['record', '-o', file, fake.path], { env: fake.env });
  assert.deepEqual([code, stdout, stderr], [0, `${sentence}\n${file}\n`, '']);
  const html = readFileSync(file, 'utf8');
  assert.match(html, /^<!doctype html>/i);
  assert.doesNotMatch(html, /\b(?:src|href)="https?:/, 'nothing comes from elsewhere');
  const data = /<script[^>]*type="application\/json"[^>]*>(.*?)<\/script>/s.exec(html)?.[1] ?? '';
  assert.deepEqual(unpackRecording(JSON.parse(data) as PackedRecording), recording);
  const piped = await runMaitre(['record', '-o', '-', fake.path], { env: fake.env });
  assert.equal(piped.stdout, html);
});

test('maitre record asks for the last 10 s, or for what it is told', async () => {
  const recording = packRecording(recordingOf(1));
  await using fake = await startFake({ record: () => ({ sentence, fresh: FRESH, recording }) });
  for (const [args, params] of [
    [[], { last: 10_000 }],
    [['--last', '2.5s'], { last: 2500 }],
    [['--for', '300ms'], { ms: 300 }],
    [['--for=1m'], { ms: 60_000 }],
    [['--last', '7'], { last: 7000 }],
    [['--frozen', '2'], { frozen: 2 }],
  ] as const) {
    assert.equal((await runMaitre(['record', '--json', ...args, fake.path], { env: fake.env })).code, 0);
    assert.deepEqual(fake.requests.at(-1), { method: 'record', params });
  }
});

test('maitre record says what is wrong before it asks anybody', async () => {
  await using fake = await startFake({});
  for (const [args, message] of [
    [[], /an output is missing: -o FILE\.html \(maitre record --help tells more\)/],
    [['-o', 'x.html', '--last', '1s', '--for', '1s'], /--last, --for and --frozen exclude each other/],
    [['-o', 'x.html', '--for', 'soon'], /--for must be a time from 1 ms to 600 s, such as 10s or 500ms, got "soon"/],
    [['-o', 'x.html', '--for', '0s'], /--for must be a time/],
    [['-o', 'x.html', '--for', '1s', '--frozen', '1'], /--last, --for and --frozen exclude each other/],
    [['-o', 'x.html', '--frozen', 'the last'], /--frozen must be a number that --list shows, got "the last"/],
  ] as const) {
    const { code, stderr } = await runMaitre(['record', ...args, fake.path], { env: fake.env });
    assert.equal(code, 2);
    assert.match(stderr, message);
  }
  assert.deepEqual(fake.requests, []);
});

test('a file that cannot be written is one line and exit code 2; an empty recording is exit code 1', async () => {
  const full = recordingOf(1);
  await using fake = await startFake({
    record: ({ last }) => ({
      sentence,
      fresh: FRESH,
      recording: packRecording(last === 1000 ? { ...full, visits: [], jobs: [], blocks: [] } : full),
    }),
  });
  const { code, stderr } = await runMaitre(['record', '-o', '/no/such/folder/x.html', fake.path], { env: fake.env });
  assert.equal(code, 2);
  assert.match(stderr, /^maitre: cannot write \/no\/such\/folder\/x\.html: .*\n$/);
  assert.equal((await runMaitre(['record', '--json', '--last', '1s', fake.path], { env: fake.env })).code, 1);
});

test('maitre record --list shows what was kept, the latest first, and exit code 1 says that nothing was', async () => {
  const kept = (count: number): Answers => ({
    recordings: () => ({
      sentence: 'what is kept',
      fresh: FRESH,
      now: 60_000,
      recordings: [
        { id: 1, reason: 'block' as const, at: 30_000, what: 'cook held the loop' },
        { id: 4, reason: 'error' as const, at: 55_000, what: 'It \u001b[31mbroke\nreally' },
      ].slice(0, count),
    }),
  });
  await using fake = await startFake(kept(2));
  const { code, stdout } = await runMaitre(['record', '--list', fake.path], { env: fake.env });
  assert.equal(code, 0);
  assert.deepEqual(
    stdout.split('\n').map((each) => each.trim().replaceAll(/ {2,}/g, '|')),
    [
      'what is kept',
      'ID|WHEN|UP TO|WHAT',
      '4|5 s ago|error|It \\x1b[31mbroke\\nreally',
      '1|30 s ago|block|cook held the loop',
      '',
    ],
  );
  await using empty = await startFake(kept(0));
  assert.equal((await runMaitre(['record', '--list', empty.path], { env: empty.env })).code, 1);
});
