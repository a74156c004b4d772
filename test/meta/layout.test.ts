// The rules on layout that a program can check: sizes, names, headers, the mirrored test tree.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { listFiles, readText, stripComments } from './source-files.js';

/** Of code: how much of a file is explanation is no reason to cut it. */
const maxFileCodeLines = 380;
/** Measured; docs/design.md says what the goal was. It may fall, and rises only on purpose. */
const maxCoreCodeLines = 2_802;
/** What is made of tasks and waits and nothing in core stands on. */
const combinators = ['gather', 'race', 'shield', 'wait-for-many', 'work'].map((name) => `src/core/${name}.ts`);
const maxDoorHeaderLines = 10;

/** A drawer for everything says nothing about what is in it. */
const forbiddenNames = ['utils', 'util', 'helpers', 'helper', 'common', 'misc', 'shared', 'types'];

/** Tests of more than one source file, each with what it is about. `test/meta` and `test/examples` are not listed one by one. */
const crossCutting: Readonly<Record<string, string>> = {
  'test/core/waiting-calls.test.ts': 'every waiting call of the public doors, by one rule',
  'test/simulation/hour.test.ts': 'the examples echo and chat behind bad networks, among bad clients, in memory',
  'test/simulation/sockets.test.ts': 'the same over sockets',
  'test/examples/gui.test.ts': 'the page examples/gui, served by npm start, in Chromium',
  'test/net/bad-days.test.ts': 'a server process without descriptors, and under signals',
  'test/net/event-transport.test.ts': 'the suite of socket-transport without the raw path',
  'test/net/floods.test.ts': 'clients by the thousand, and clients that take their time, against every limit',
  'test/net/fuzz.test.ts': 'mutated streams over real sockets at servers of every protocol',
  'test/net/hogs.test.ts': 'clients that would take all memory of a process, or all of its time',
  'test/net/interop.test.ts': "Python's asyncio and nc on the other side",
  'test/net/resets.test.ts': 'resets at every point of a connection, from the accept to the close, over TLS too',
  'test/net/shutdown.test.ts': 'Server.shutdown against every kind of handler and client',
  'test/hosts/web.test.ts': 'the door maitre/core as browsers have it',
  'test/hosts/web-streams.test.ts': 'the door maitre/streams as browsers have it',
  'test/hosts/web-testing.test.ts': 'the door maitre/testing as browsers have it',
};

const sources = listFiles('src', '.ts');
const tests = listFiles('test', '.test.ts');

describe('layout', () => {
  test(`no source file has more than ${maxFileCodeLines} lines of code`, () => {
    const long = sources.filter((file) => codeLines(readText(file)) > maxFileCodeLines);
    assert.deepEqual(long, []);
  });

  test(`core has at most ${maxCoreCodeLines} lines of code without its combinators, so that one person reads it in an afternoon`, () => {
    const core = sources.filter((file) => file.startsWith('src/core/') && !combinators.includes(file));
    const count = core.reduce((sum, file) => sum + codeLines(readText(file)), 0);
    assert.ok(count <= maxCoreCodeLines, `core has ${count} lines of code`);
  });

  test('files and folders are named in kebab-case for what they hold', () => {
    const bad = sources.filter((file) => {
      const parts = file.replace(/(\.(node|web))?\.ts$/, '').split('/');
      return parts.some((part) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(part) || forbiddenNames.includes(part));
    });
    assert.deepEqual(bad, []);
  });

  test(`every door begins with a header of at most ${maxDoorHeaderLines} lines`, () => {
    const doors = sources.filter((file) => file.endsWith('/index.ts'));
    const bad = doors.filter((file) => {
      const lines = headerLines(readText(file));
      return lines === 0 || lines > maxDoorHeaderLines;
    });
    assert.deepEqual(bad, []);
  });

  test('no source has an open TODO or FIXME', () => {
    assert.deepEqual(findLines(/\b(?:TODO|FIXME|XXX)\b/, readText), []);
  });

  test('no source uses the type any', () => {
    const withoutText = (file: string): string => stripComments(readText(file), { strings: true });
    assert.deepEqual(findLines(anyType, withoutText), []);
  });

  test('every test file mirrors a source file or says what it crosses', () => {
    const known = new Set([...sources, ...listFiles('examples', '.ts')]);
    const strays = tests.filter((file) => {
      if (file.startsWith('test/meta/') || file in crossCutting) return false;
      const path = file.slice('test/'.length).replace(/\.test\.ts$/, '.ts');
      return !known.has(`src/${path}`) && !known.has(path);
    });
    assert.deepEqual(strays, []);
    assert.deepEqual(
      Object.keys(crossCutting).filter((file) => !tests.includes(file)),
      [],
      'listed, but no longer there',
    );
  });
});

describe('the layout checker', () => {
  test('counts lines of code and of headers', () => {
    assert.equal(codeLines('// a\n\n/** b\n * c */\nconst d = 1; // e\nf();\n'), 2);
    assert.equal(headerLines('// a\n// b\nexport {};'), 2);
    assert.equal(headerLines('/**\n * a\n */\nexport {};'), 3);
    assert.equal(headerLines('export {};'), 0);
  });

  test('tells the type any from the word', () => {
    for (const code of [
      'x: any',
      'x as any',
      'Array<any>',
      'any[]',
      'f(a: any, b)',
      'type A = any;',
      'A | any',
      'Map<string, any>',
    ]) {
      assert.match(code, anyType);
    }
    for (const code of ['Promise.any(a)', 'many: number', '{ any: 1 }', 'company as x'])
      assert.doesNotMatch(code, anyType);
  });
});

const anyType = /(?:[:<|&,=]|\bas|\bextends|\bsatisfies)\s*any\b(?!\s*[:(])|\bany\[\]/;

/** `file:line` of every line of the sources that matches. */
function findLines(pattern: RegExp, read: (file: string) => string): string[] {
  return sources.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}`] : [])),
  );
}

/** Lines that are neither blank nor only comment. Lines inside a template count as code if they are not blank after it. */
function codeLines(code: string): number {
  return stripComments(code)
    .split('\n')
    .filter((line) => line.trim() !== '').length;
}

/** How many lines of comment a file begins with. */
function headerLines(code: string): number {
  const header = /^(?:\s*(?:\/\/[^\n]*|\/\*[\s\S]*?\*\/)\s*?\n)*/.exec(code)?.[0] ?? '';
  return header.trim() === '' ? 0 : header.trim().split('\n').length;
}
