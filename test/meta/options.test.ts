// The tables of options in docs/reference against those in the sources: every option is documented, and nothing else is. The
// compiler holds the sources' tables to the interfaces (base/check.ts).

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CONNECT } from '#src/net/open-connection.js';
import { DATAGRAM } from '#src/net/datagram-options.js';
import { SERVER } from '#src/net/server-options.js';
import { FRAMES } from '#src/streams/framing/frames.js';
import { optionTables } from './markdown.js';
import { listFiles, readText } from './source-files.js';

/** `page#Heading` of every table of options, and what it must list. */
const documented: Readonly<Record<string, object>> = {
  'servers.md#startServer': SERVER,
  'servers.md#openConnection': CONNECT,
  'udp.md#createDatagramEndpoint': DATAGRAM,
  'framing.md#Frames': FRAMES,
};

/** Options of programs, which the tests of cli hold. */
const elsewhere = ['cli.md'];

const found = new Map<string, readonly string[]>();
for (const file of listFiles('docs/reference', '.md')) {
  const page = file.slice('docs/reference/'.length);
  if (elsewhere.includes(page)) continue;
  for (const { heading, options } of optionTables(readText(file))) found.set(`${page}#${heading}`, options);
}

describe('tables of options', () => {
  for (const [place, table] of Object.entries(documented)) {
    test(`${place} lists every option, and nothing else`, () => {
      assert.deepEqual([...(found.get(place) ?? [])].sort(), Object.keys(table).sort());
    });
  }

  test('no page has a table of options that is held to nothing', () => {
    assert.deepEqual([...found.keys()].filter((place) => !(place in documented)).sort(), []);
  });
});

test('optionTables reads the names of each row, under the heading they stand under', () => {
  const text = [
    '# Page',
    '## `open(options)`',
    '| Option       | Meaning          |',
    '| ------------ | ---------------- |',
    '| `a`, `b`     | both, see `c`    |',
    '| `d?: number` | after a `\\|` bar |',
    '',
    '| member | what |',
    '| ------ | ---- |',
    '| `e`    | none |',
  ];
  assert.deepEqual(optionTables(text.join('\n')), [{ heading: 'open(options)', options: ['a', 'b', 'd'] }]);
});
