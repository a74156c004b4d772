// The rules on layout that a program can check: sizes, names, headers, the mirrored test tree.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { listFiles, readText, stripComments } from './source-files.js';

/** Of code: how much of a file is explanation is no reason to cut it. */
const maxFileCodeLines = 380;
/** Measured; docs/design.md says what the goal was. It may fall, and rises only on purpose. */
const maxCoreCodeLines = 2_889;
/** What is made of tasks and waits and nothing in core stands on. */
const combinators = ['gather', 'race', 'shield', 'wait-for-many', 'work'].map((name) => `src/core/${name}.ts`);
const maxDoorHeaderLines = 10;

/** A drawer for everything says nothing about what is in it. */
const forbiddenNames = ['utils', 'util', 'helpers', 'helper', 'common', 'misc', 'shared', 'types'];

/** Tests of more than one source file, each with what it is about. `test/meta` and `test/examples` are not listed one by one. */
const crossCutting: Readonly<Record<string, string>> = {
  'test/workers/views.test.ts': 'workers and the inspector that shows them as one',
  'test/cli/deploy.test.ts': 'the files that the guide on deployment shows, in the real programs',
  'test/support/program.test.ts': 'the programs of tests, however their test file ends',
  'test/console/page/slow/recording-page.long.test.ts': 'the file of a recording, in Chromium',
  'test/introspect/recording-truth.test.ts':
    'a recording against what handlers worked, on a clock that only work moves',
  'test/console/page/slow/truth.test.ts': 'slow motion of a server process against its own log',
  'test/console/page/slow/slow-view.long.test.ts': 'slow motion and side by side on the page, in Chromium',
  'test/console/page/real.long.test.ts': 'the page of a server process with real clients, in Chromium',
  'test/console/page/same-words.test.ts': 'one snapshot on the page, in the terminal and as JSON',
  'test/console/page/page.long.test.ts': "the console's page in Chromium, on a simulated process",
  'test/distributed/guide.test.ts': 'the commands of the guide "Many machines"',
  'test/distributed/faults.long.test.ts': 'machines, callers and Redis that are killed, stopped and cut off',
  'test/distributed/chaos.long.test.ts': 'the same at random, from a seed',
  'test/distributed/jobs-on-redis.test.ts': 'what jobs on other machines have beyond those of every executor',
  'test/distributed/cancel-points.test.ts': 'calls to other machines that are cancelled at every point',
  'test/database/bank.test.ts': 'bank transfer: cancels, crashes and restarts, on both databases',
  'test/database/crowds.test.ts': 'more clients than connections, and deadlocks, on both databases',
  'test/database/guide.test.ts': 'the examples of the guide that need a server',
  'test/database/leaving.test.ts': 'clients that leave, on both databases',
  'test/database/outages.long.test.ts': 'servers that go, come back and hang, on both databases',
  'test/database/redis.test.ts': 'clients that are not wrapped, under cancellable',
  'test/workers/shared-state.test.ts': 'what real workers share, and what each has for itself',
  'test/workers/reload.long.test.ts': 'real workers that are replaced, crash and end, with clients of every kind',
  'test/workers/reported-faults.test.ts':
    'faults of other supervisors that the public has reported, and who tests each',
  'test/http/reported-faults.test.ts': 'faults of HTTP libraries that the public has reported, and who tests each',
  'test/database/reported-faults.test.ts':
    'faults of pools and drivers that the public has reported, and who tests each',
  'test/database/servers.long.test.ts': 'the servers that the tests of databases start',
  'test/inspect/reported-faults.test.ts': 'faults of other observers that the public has reported, and who tests each',
  'test/core/waiting-calls.test.ts': 'every waiting call of the public doors, by one rule',
  'test/pool/model.test.ts': 'random lives of callers at a pool, against its rules',
  'test/simulation/hour.test.ts': 'the examples echo and chat behind bad networks, among bad clients, in memory',
  'test/simulation/sockets.long.test.ts': 'the same over sockets',
  'test/distributed/message-faults.long.test.ts': 'broadcasts and locks while processes, Redis and the network fail',
  'test/examples/see/programs.long.test.ts': 'the programs of examples/see, looked at with the commands of maitre',
  'test/examples/orders.long.test.ts': 'the service examples/orders through a lunch hour, on both of its databases',
  'test/http/serve-streams.test.ts': 'WebSockets and streams of events behind serveHttp, in Hono too',
  'test/http/web-socket-broadcast.test.ts': 'one broadcast to many WebSockets',
  'test/http/web-socket-disconnects.test.ts': 'clients of WebSockets that leave at random',
  'test/examples/gui.long.test.ts': 'the page examples/gui, served by npm start, in Chromium',
  'test/http/upgrades.test.ts': 'WebSockets and event streams on serveHttp',
  'test/net/bad-days.test.ts': 'a server process without descriptors, and under signals',
  'test/net/event-transport.test.ts': 'the suite of socket-transport without the raw path',
  'test/net/floods.long.test.ts': 'clients by the thousand, and clients that take their time, against every limit',
  'test/net/fuzz.test.ts': 'mutated streams over real sockets at servers of every protocol',
  'test/net/hogs.long.test.ts': 'clients that would take all memory of a process, or all of its time',
  'test/net/interop.test.ts': "Python's asyncio and nc on the other side",
  'test/net/resets.test.ts': 'resets at every point of a connection, from the accept to the close, over TLS too',
  'test/net/shutdown.test.ts': 'Server.shutdown against every kind of handler and client',
  'test/hosts/web.test.ts': 'the door maitre/core as browsers have it',
  'test/hosts/web-streams.test.ts': 'the door maitre/streams as browsers have it',
  'test/hosts/web-testing.test.ts': 'the door maitre/testing as browsers have it',
};

const sources = [...listFiles('src', '.ts'), ...listFiles('src', '.tsx')];
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
      const parts = file.replace(/(\.(node|web|d))?\.tsx?$/, '').split('/');
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
      const path = file.slice('test/'.length).replace(/(\.long)?\.test\.ts$/, '.ts');
      return !known.has(`src/${path}`) && !known.has(`src/${path}x`) && !known.has(path);
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
