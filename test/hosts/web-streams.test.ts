// maitre/streams in browsers: bundled without anything of Node, and run where there is no Buffer. The suite of every Duplex
// runs on the pair in memory; a program claims the rest. What it costs to load is held too.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bundle, gzippedSize, roomsOf, runAsInBrowser, runInBrowser } from './bundle.js';
import { noBrowser } from '../support/browser.js';

/** gzip -9 of the minified bundle, bytes. Measured; it may fall, and rises only on purpose. */
const wholeDoorLimit = 19_190;

const wholeDoor = "export * from 'maitre/streams';";

/** Every line is a claim; a failed one throws. */
const program = `
  import { createTask, run } from 'maitre/core';
  import {
    feedParser, frames, jsonLines, lockstepStreamPair, memoryStreamPair, netstrings, pipe, splice, StreamReader,
    writeFrame, writeJsonLine, writeNetstring,
  } from 'maitre/streams';
  import { duplexChecks } from 'maitre/testing';

  const seen = [];
  const claim = (name, truth) => {
    if (!truth) throw new Error('not true: ' + name);
    seen.push(name);
  };
  const errorOf = (promise) => Promise.resolve(promise).then(() => undefined, (error) => error);
  const bytes = (...values) => new Uint8Array(values);
  const all = async (items) => {
    const list = [];
    for await (const item of items) list.push(item);
    return list;
  };
  /** A reader of what was written, in pieces of a byte. */
  const readerOf = async (write) => {
    const [a, b] = memoryStreamPair({ onHandOver: (data) => Array.from(data, (_, i) => data.subarray(i, i + 1)) });
    write(a.writer);
    void a.close();
    return b.reader;
  };

  export const result = run(async () => {
    claim('there is no Buffer', typeof Buffer === 'undefined' && typeof process === 'undefined');

    const reader = new StreamReader();
    reader.feedData(bytes(0xef, 0xbb, 0xbf, 0xc3));
    reader.feedData(bytes(0xa9, 13, 10, 0xff, 10, 1, 2, 3, 44, 59, 4));
    const line = await reader.readLine();
    claim('what is read is bytes', line instanceof Uint8Array && line.length === 7);
    claim('bytes are text as of a Buffer', String(line) === '\\ufeffé\\r\\n' && line.toString('hex') === 'efbbbfc3a90d0a');
    claim('a line can be latin1', (await reader.readTextLine({ encoding: 'latin1' })) === 'ÿ');
    claim('of several separators the first counts', (await reader.readUntil([';', ',;'])).length === 5);
    reader.feedEof();
    claim('a line that the end cuts is all there is', (await reader.readTextLine()) === '\\u0004' && reader.atEof());
    claim('a reader at its end says so', (await reader.readTextLine()) === undefined && (await reader.read()).length === 0);

    const mixed = ['é', '€', '😀', bytes(0xf0, 0x9f), bytes(0x98, 0x80), '\\ud83d', '\\n', 'x'.repeat(40), '\\n'];
    const long = await readerOf((writer) => {
      for (let i = 0; i < 100; i++) writer.writelines(mixed);
    });
    const lines = await all(long.lines());
    claim('many small writes arrive in order', lines.length === 200 && lines[198] === 'é€😀😀\\ufffd' && lines[199].length === 40);

    for (const header of [1, 2, 4, 8, 'varint']) {
      for (const littleEndian of [false, true]) {
        const format = { header, littleEndian };
        const sent = ['', 'é'.repeat(60), ...(header === 1 ? [] : ['b'.repeat(40_000)])];
        const framed = await readerOf((writer) => sent.forEach((each) => writeFrame(writer, each, format)));
        const got = (await all(frames(framed, format))).map(String);
        claim('frames arrive, header ' + header + (littleEndian ? ', little-endian' : ''), got.join() === sent.join());
      }
    }
    const texts = await all(netstrings(await readerOf((writer) => ['soup', '', 'é'].forEach((each) => writeNetstring(writer, each)))));
    claim('netstrings arrive', texts.map(String).join() === 'soup,,é');
    const values = [{ a: [1, 'é\\ufffd'] }, null, 'x'];
    const parsed = await all(jsonLines(await readerOf((writer) => values.forEach((each) => writeJsonLine(writer, each)))));
    claim('JSON lines arrive', JSON.stringify(parsed) === JSON.stringify(values));
    const bad = jsonLines(await readerOf((writer) => writer.writelines([bytes(34, 0xff, 34, 10), '1\\n'])));
    claim('a line that is not UTF-8 is refused', /line 1 is not UTF-8/.test(String(await errorOf(bad.read()))));
    claim('and the next one read', (await bad.read()) === 1);
    const cut = frames(await readerOf((writer) => writer.write(bytes(0, 0, 0, 9, 1))));
    claim('a frame that the end cuts is an error', (await errorOf(cut.read())).name === 'IncompleteReadError');

    const [a, b] = memoryStreamPair();
    const [c, d] = memoryStreamPair();
    const passing = createTask(() => splice(b, c));
    a.writer.write('there');
    claim('splice passes on', String(await d.reader.readExactly(5)) === 'there');
    d.writer.write('and back');
    claim('both ways', String(await a.reader.readExactly(8)) === 'and back');
    await Promise.all([a.close(), d.close()]);
    await passing;

    const source = await readerOf((writer) => writer.write('piped'));
    const [e, f] = lockstepStreamPair();
    const piping = createTask(() => pipe(source, e.writer));
    const chunks = [];
    claim('a parser gets every byte', (await feedParser(f.reader, { parse: (chunk) => chunks.push(String(chunk)) })) === 5);
    claim('pipe passes on everything, and the end', (await piping) === 5 && chunks.join('') === 'piped');

    for (const { name, run } of duplexChecks(() => memoryStreamPair())) {
      await run();
      seen.push(name);
    }
    return seen;
  });
`;

const claims = 56;

describe('maitre/streams in browsers', () => {
  test('its bundle has nothing of Node in it, and nothing of the rooms that need Node', async () => {
    const { code, files } = await bundle(wholeDoor);
    assert.doesNotMatch(code, /node:|\bprocess\b|\brequire\b|async_hooks/);
    assert.deepEqual(roomsOf(files), ['base', 'core', 'hosts', 'streams']);
    assert.ok(!files.some((file) => file.includes('hosts/node')));
  });

  test(`the whole door is at most ${wholeDoorLimit} bytes`, async () => {
    const size = await gzippedSize(wholeDoor);
    assert.ok(size <= wholeDoorLimit, `${size} bytes`);
    assert.ok(size > wholeDoorLimit - 500, `lower the limit to what is measured: ${size}`);
  });

  test('it runs in a context that has what browsers have and no Buffer', { timeout: 30_000 }, async () => {
    const { seen } = await runAsInBrowser(program);
    assert.equal(seen.length, claims, seen.join('\n'));
  });

  test('it runs in Chromium', { skip: noBrowser, timeout: 60_000 }, async () => {
    const { seen, errors } = await runInBrowser(program);
    assert.equal(seen.length, claims, seen.join('\n'));
    assert.deepEqual(errors, []);
  });
});
