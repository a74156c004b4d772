// The file of a recording: its text. What it looks like is in page/slow/recording-page.long.test.ts.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { recordingFile } from '#src/console/recording-file.js';
import { packRecording, type PackedRecording, unpackRecording } from '#src/inspect/protocol/index.js';
import { recordingOf } from '../support/recordings.js';
import { test } from '../support/test.js';

const TEMPLATE = '<p>before</p><script type="application/json" id="recording">/*recording*/</script><p>after</p>';

const dataOf = (html: string): string => /id="recording">(.*?)<\/script>/s.exec(html)?.[1] ?? '';

describe('recordingFile', () => {
  test('holds the recording, and all of the template around it', () => {
    const recording = recordingOf(1);
    const html = recordingFile(packRecording(recording), TEMPLATE);
    assert.deepEqual(unpackRecording(JSON.parse(dataOf(html)) as PackedRecording), recording);
    assert.ok(html.startsWith('<p>before</p>') && html.endsWith('</script><p>after</p>'));
  });

  test('lets no text of a client break out of its element', () => {
    const evil = '</script><script>alert(1)</script><!-- $& $1 \u2028\u2029 /*recording*/';
    const recording = recordingOf(1);
    const tables = recording.tables.map((table) => ({ ...table, name: evil }));
    const html = recordingFile(packRecording({ ...recording, tables }), TEMPLATE);
    assert.equal(html.split('</script>').length, 2, 'one end of the data');
    assert.doesNotMatch(dataOf(html), /[<\u2028\u2029]/);
    assert.equal(unpackRecording(JSON.parse(dataOf(html)) as PackedRecording).tables[0]?.name, evil);
  });

  test('refuses a template without a place for the data', () => {
    assert.throws(() => recordingFile(packRecording(recordingOf(1)), '<p></p>'), RangeError);
  });
});
