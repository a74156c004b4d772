// `maitre trace`: the file.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packRecording, traceOf, unpackRecording } from '#src/inspect/protocol/index.js';
import { FRESH, startFake } from '../support/fake-inspector.js';
import { Folder, runMaitre } from '../support/program.js';
import { recordingOf } from '../support/recordings.js';
import { test } from '../support/test.js';

test('maitre trace writes the trace of the recording that the process sent', async () => {
  const recording = packRecording(recordingOf(3));
  await using fake = await startFake({ record: () => ({ sentence: 'Recorded 10 s.', fresh: FRESH, recording }) });
  using folder = new Folder();
  const file = join(folder.path, 'dinner.json');
  const { code, stdout, stderr } = await runMaitre(['trace', '--for', '10ms', '-o', file, fake.path], {
    env: fake.env,
  });
  assert.deepEqual([code, stdout, stderr], [0, `Recorded 10 s.\n${file}\n`, '']);
  assert.deepEqual(fake.requests.at(-1)?.params, { ms: 10 });
  assert.deepEqual(
    JSON.parse(readFileSync(file, 'utf8')),
    JSON.parse(JSON.stringify(traceOf(unpackRecording(recording)))),
  );
  const missing = await runMaitre(['trace', fake.path], { env: fake.env });
  assert.match(missing.stderr, /an output is missing: -o FILE\.json/);
});
