// The import table of the architecture as data, and the program that holds the sources to it: which room may import
// which, who may touch `node:`, rooms only by their doors, no cycles, doors that only re-export, and that what browsers
// import reaches no built-in module.

import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { describe, test } from 'node:test';
import { listFiles, readText, stripComments } from './source-files.js';

interface Rule {
  /** Rooms whose doors (index.ts, index.web.ts) this room may import, besides its own files. */
  readonly rooms: readonly string[];
  /** Whether it may import built-in modules. */
  readonly node: boolean;
  /** npm packages. Only optional ones: the core needs none. */
  readonly packages?: readonly string[];
}

const pure = ['base', 'core', 'sync', 'queues', 'streams', 'time'];

const table: Readonly<Record<string, Rule>> = {
  base: { rooms: [], node: false },
  core: { rooms: ['base'], node: false },
  sync: { rooms: ['base', 'core'], node: false },
  queues: { rooms: ['base', 'core', 'sync'], node: false },
  time: { rooms: ['base', 'core'], node: false },
  streams: { rooms: ['base', 'core', 'sync'], node: false },
  testing: { rooms: pure, node: false },
  introspect: { rooms: ['base', 'core'], node: false },
  // Apart, because every program loads it.
  'introspect/call-graph': { rooms: ['base', 'core'], node: false },
  'hosts/node': { rooms: ['base', 'core'], node: true },
  'hosts/web': { rooms: ['base', 'core'], node: false },
  adapters: { rooms: ['base', 'core', 'streams'], node: true },
  net: { rooms: ['base', 'core', 'sync', 'streams'], node: true },
  simulation: { rooms: [...pure, 'testing', 'net'], node: false },
  subprocess: { rooms: [...pure, 'adapters'], node: true },
  files: { rooms: pure, node: true },
  signals: { rooms: pure, node: true },
  executors: { rooms: pure, node: false },
  // The host: what a worker runs is an entry of its own.
  'executors/node': { rooms: [...pure, 'executors', 'hosts/node'], node: true },
  'executors/check': { rooms: [...pure, 'testing', 'executors'], node: false },
  'executors/web': { rooms: [...pure, 'executors', 'hosts/web'], node: false },
  distributed: {
    rooms: [...pure, 'executors', 'executors/node', 'hosts/node'],
    node: true,
    packages: ['bullmq', 'ioredis'],
  },
  pool: { rooms: pure, node: false },
  // What every driver of a database shares: connections that stop their statement, transactions, streams of rows.
  database: { rooms: [...pure, 'pool'], node: false },
  mysql: { rooms: [...pure, 'pool', 'database'], node: true, packages: ['mysql2'] },
  postgres: { rooms: [...pure, 'pool', 'database'], node: true, packages: ['pg'] },
  http: { rooms: [...pure, 'net'], node: true, packages: ['ws'] },
  // The messages alone: viewers and pages read nothing else of a process.
  'inspect/protocol': { rooms: ['base', 'introspect'], node: false },
  'inspect/sockets': { rooms: ['base', 'core', 'hosts/node'], node: true },
  inspect: { rooms: [...pure, 'introspect', 'inspect/protocol', 'inspect/sockets', 'net', 'hosts/node'], node: true },
  workers: {
    rooms: [...pure, 'introspect', 'net', 'http', 'hosts/node', 'inspect', 'inspect/protocol', 'inspect/sockets'],
    node: true,
  },
  console: { rooms: ['base', 'inspect/protocol'], node: false },
  // Runs in browsers. Side by side runs the real library there, in memory.
  'console/page': {
    rooms: [...pure, 'inspect/protocol', 'console', 'introspect', 'net', 'simulation', 'testing', 'hosts/web'],
    node: false,
    packages: ['preact', '@preact/signals', 'uplot'],
  },
  // Public doors, the entry files at the root of src (see `problemOf`); base for how text is printed, the host for how a
  // process ends; the console for its terminal views.
  cli: {
    rooms: ['base', 'hosts/node', 'console', 'workers', 'inspect/protocol', 'inspect/sockets'],
    node: true,
    packages: ['tsx'],
  },
};

interface Import {
  readonly specifier: string;
  /** Whether it imports only types, and so nothing when it runs: `import type`, `export type`. */
  readonly isType: boolean;
  /** Whether it is a call of `import()`, which loads nothing until then. */
  readonly isCall: boolean;
}

type Sources = ReadonlyMap<string, string>;

describe('imports', () => {
  const sources: Sources = new Map(
    [...listFiles('src', '.ts'), ...listFiles('src', '.tsx')].map((file) => [
      file.slice('src/'.length),
      readText(file),
    ]),
  );

  test('every import is allowed by the table', () => {
    assert.deepEqual(findForbiddenImports(sources), []);
  });

  test('CONTRIBUTING.md has the same table, of the rooms that are there', () => {
    const rooms = [...new Set([...sources.keys()].map(roomOf))].filter((room) => room !== undefined);
    const rules = rooms.map((room) => [room, table[room]] as const);
    const written = parseTable(readText('CONTRIBUTING.md'));
    assert.deepEqual(
      written,
      Object.fromEntries(rules.map(([room, rule]) => [room, { rooms: rule?.rooms.toSorted(), node: rule?.node }])),
    );
  });

  test('the two halves of the inspector import nothing of each other', () => {
    const crossings = (from: string, to: string): string[] =>
      [...sources]
        .filter(([file]) => file.startsWith(`inspect/${from}/`))
        .flatMap(([file, code]) => parseImports(code).map(({ specifier }) => [file, resolve(file, specifier)] as const))
        .filter(([, target]) => target.startsWith(`inspect/${to}/`))
        .map(([file, target]) => `${file} imports ${target}`);
    assert.deepEqual([...crossings('main', 'worker'), ...crossings('worker', 'main')], []);
  });

  test('the root door loads nothing of what looks into a program', () => {
    const loaded = findLoaded(sources, 'index.node.ts');
    assert.ok(loaded.has('introspect/call-graph/index.ts'));
    const watching = [...loaded].filter((file) => /^(?:introspect|inspect|console|cli)\//.test(file));
    assert.deepEqual(
      watching.filter((file) => !file.startsWith('introspect/call-graph/')),
      [],
    );
  });

  test('there is no cycle between files, imports of types included', () => {
    assert.equal(findCycle(sources)?.join(' -> '), undefined);
  });

  test('a door has only comments and named re-exports', () => {
    const doors = [...sources].filter(([file]) => /\/index(\.web)?\.ts$/.test(file));
    assert.deepEqual(
      doors.filter(([, code]) => !isDoor(code)).map(([file]) => file),
      [],
    );
  });

  test('what browsers import reaches no built-in module', () => {
    // lowlevel.ts has no host of its own, so it is one door everywhere.
    const doors = [...sources.keys()].filter((file) => file.endsWith('.web.ts') || file === 'lowlevel.ts');
    for (const door of ['core.web.ts', 'streams.web.ts', 'testing.web.ts', 'net/index.web.ts'])
      assert.ok(doors.includes(door), door);
    assert.deepEqual(
      doors.map((door) => findBuiltIn(sources, door)?.join(' -> ')).filter((path) => path !== undefined),
      [],
    );
  });
});

describe('the import checker', () => {
  const check = (file: string, code: string, others: readonly string[] = []): string[] =>
    findForbiddenImports(new Map([[file, code], ...others.map((other): [string, string] => [other, ''])]));

  test('accepts what the table allows', () => {
    assert.deepEqual(check('core/task.ts', "import { Deque } from '../base/index.ts';", ['base/index.ts']), []);
    assert.deepEqual(check('core/task.ts', "import type { Wait } from './wait.ts';", ['core/wait.ts']), []);
    assert.deepEqual(check('net/listener.ts', "import { createServer } from 'node:net';"), []);
    assert.deepEqual(check('simulation/a.ts', "import '../net/index.web.ts';", ['net/index.web.ts']), []);
    assert.deepEqual(check('hosts/node/host.ts', "import '../../core/index.ts';", ['core/index.ts']), []);
    assert.deepEqual(check('index.node.ts', "export { run } from './core/index.ts';", ['core/index.ts']), []);
    assert.deepEqual(check('cli/main.ts', "import { run } from '../index.node.ts';", ['index.node.ts']), []);
    assert.deepEqual(check('cli/load.ts', "await import('tsx/esm/api');"), []);
  });

  test('reports an upward, a back-door, a built-in, a package, a missing and a cli-internal import', () => {
    const report = (file: string, code: string, other = ''): string => check(file, code, other ? [other] : []).join();
    assert.match(report('core/task.ts', "import '../net/index.ts';", 'net/index.ts'), /core may not import net/);
    assert.match(report('sync/lock.ts', "export { x } from '../core/wait.ts';", 'core/wait.ts'), /only by its door/);
    assert.match(report('sync/lock.ts', "import fs from 'node:fs';"), /sync may not import node:fs/);
    assert.match(report('streams/reader.ts', "await import('node:net');"), /streams may not import node:net/);
    assert.match(report('net/server.ts', "import {\n  a,\n  b,\n} from 'left-pad';"), /net may not import left-pad/);
    assert.match(report('core/task.ts', "import './gone.ts';"), /no such file/);
    assert.match(
      report('core/task.ts', "import '../index.node.ts';", 'index.node.ts'),
      /core may not import index.node/,
    );
    assert.match(report('cli/main.ts', "import '../core/index.ts';", 'core/index.ts'), /cli may not import core/);
    assert.match(report('attic/old.ts', ''), /not a room of the table/);
  });

  test('finds a cycle, also through imports of types alone', () => {
    const make = (last: string): Sources =>
      new Map([
        ['core/a.ts', "import './b.ts';"],
        ['core/b.ts', "export { c } from './c.ts';"],
        ['core/c.ts', last],
      ]);
    assert.deepEqual(findCycle(make("import { a } from './a.ts';")), [
      'core/a.ts',
      'core/b.ts',
      'core/c.ts',
      'core/a.ts',
    ]);
    assert.equal(findCycle(make("import type { A } from './a.ts';"))?.length, 4);
    assert.equal(findCycle(make("export const c = 'no import';")), undefined);
  });

  test('finds the way to a built-in module, but not through imports of types', () => {
    const make = (last: string): Sources =>
      new Map([
        ['a.web.ts', "export { b } from './net/b.ts';"],
        ['net/b.ts', "import type { c } from './c.ts';\nimport { type D, d } from './d.ts';"],
        ['net/c.ts', "import 'node:fs';"],
        ['net/d.ts', last],
      ]);
    const way = ['a.web.ts', 'net/b.ts', 'net/d.ts', 'node:net'];
    assert.deepEqual(findBuiltIn(make("import { connect } from 'node:net';"), 'a.web.ts'), way);
    assert.deepEqual(findBuiltIn(make("import { type Socket } from 'node:net';"), 'a.web.ts'), way, 'imports it still');
    assert.deepEqual(findBuiltIn(make("export * from 'node:net';"), 'a.web.ts'), way);
    assert.equal(findBuiltIn(make("import type { Socket } from 'node:net';"), 'a.web.ts'), undefined);
    assert.equal(findBuiltIn(make("export type { Socket } from 'node:net';"), 'a.web.ts'), undefined);
  });

  test('reads neither comments nor strings as imports', () => {
    assert.deepEqual(
      parseImports("// import './a.ts'\n/* import './b.ts' */ const url = 'http://x'; // import './c'"),
      [],
    );
    assert.deepEqual(parseImports("const text = \"import x from 'y'\";\nconst page = `\nimport x from 'y';`;"), []);
  });

  test('knows a door from a file with code in it', () => {
    assert.ok(isDoor("// base\nexport { Deque } from './deque.ts';\nexport type { A, B } from './b.ts';\n"));
    assert.ok(!isDoor("export * from './deque.ts';"));
    assert.ok(!isDoor("export { a } from './a.ts';\nexport const b = 1;"));
  });
});

/** The table of rooms in a page: a row for each room, with what it may import and which built-in modules. */
function parseTable(page: string): Record<string, Rule> {
  const rows = page.matchAll(/^\| `([a-z/-]+)`\s*\| (.*?)\s*\| (.*?)\s*\|$/gm);
  return Object.fromEntries(
    [...rows].map(([, room = '', imports = '', node = '']) => {
      const named = [...imports.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
      const rooms = imports.startsWith('the pure rooms') ? [...pure, ...named] : named;
      return [room, { rooms: rooms.toSorted(), node: node === 'yes' }];
    }),
  );
}

/** One line for each import that the table does not allow, and for each file outside the rooms. */
function findForbiddenImports(files: Sources): string[] {
  const found: string[] = [];
  for (const [file, code] of files) {
    const room = roomOf(file);
    if (room !== undefined && !(room in table)) found.push(`${file}: ${room} is not a room of the table`);
    for (const { specifier } of parseImports(code)) {
      const problem = problemOf(file, specifier, files);
      if (problem !== undefined) found.push(`${file}: ${problem} ('${specifier}')`);
    }
  }
  return found;
}

function problemOf(file: string, specifier: string, files: Sources): string | undefined {
  const room = roomOf(file);
  // An entry file at the root of src joins rooms to a host: it may import every door and every built-in.
  const rule = room === undefined ? { rooms: Object.keys(table), node: true } : table[room];
  if (rule === undefined) return undefined; // reported once for the file
  const name = room ?? file;

  if (specifier.startsWith('node:')) {
    return rule.node ? undefined : `${name} may not import ${specifier}`;
  }
  if (!specifier.startsWith('.')) {
    const allowed = rule.packages?.some((each) => specifier === each || specifier.startsWith(`${each}/`)) ?? false;
    return allowed ? undefined : `${name} may not import ${specifier}`;
  }

  const target = resolve(file, specifier);
  const targetRoom = roomOf(target);
  if (!files.has(target)) return 'there is no such file';
  if (room !== undefined && targetRoom === room) return undefined;
  if (targetRoom === undefined)
    return room === undefined || room === 'cli' ? undefined : `${name} may not import ${target}`;
  if (!rule.rooms.includes(targetRoom)) return `${name} may not import ${targetRoom}`;
  if (!/^\/index(\.web)?\.ts$/.test(target.slice(targetRoom.length)))
    return `${targetRoom} may be imported only by its door`;
  return undefined;
}

/** The room of a file: its folder, `hosts/node` and the like for nested rooms; undefined for the entry files at the root. */
function roomOf(file: string): string | undefined {
  const [first, second, third] = file.split('/');
  if (second === undefined) return undefined;
  return third !== undefined && `${first}/${second}` in table ? `${first}/${second}` : first;
}

function resolve(file: string, specifier: string): string {
  return posix.join(posix.dirname(file), specifier);
}

/** Static imports, re-exports and dynamic imports of a literal. */
function parseImports(code: string): Import[] {
  const plain = stripComments(code);
  const declarations = plain.matchAll(
    /(?:^|;)\s*(?:import|export)\s*(type\b)?(?:[\w$\s{},*]*?\bfrom\s*)?(['"])([^'"\n]+)\2/gm,
  );
  const calls = plain.matchAll(/\bimport\s*\(\s*(['"])([^'"\n]+)\1/g);
  return [
    ...[...declarations].map((match) => ({ specifier: match[3] ?? '', isType: match[1] !== undefined, isCall: false })),
    ...[...calls].map((match) => ({ specifier: match[2] ?? '', isType: false, isCall: true })),
  ];
}

/** The files that a file loads as soon as it is loaded itself. */
function findLoaded(files: Sources, from: string, loaded: Set<string> = new Set()): ReadonlySet<string> {
  if (loaded.has(from)) return loaded;
  loaded.add(from);
  for (const { specifier, isType, isCall } of parseImports(files.get(from) ?? ''))
    if (!isType && !isCall && specifier.startsWith('.')) findLoaded(files, resolve(from, specifier), loaded);
  return loaded;
}

/** The way from a file to the first built-in module that it imports when it runs; undefined if there is none. */
function findBuiltIn(files: Sources, from: string): string[] | undefined {
  const seen = new Set<string>();

  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    if (seen.has(file)) return undefined;
    seen.add(file);
    for (const { specifier, isType } of parseImports(files.get(file) ?? '')) {
      if (isType) continue;
      if (specifier.startsWith('node:')) return [...path, specifier];
      if (!specifier.startsWith('.')) continue;
      const target = resolve(file, specifier);
      const found = visit(target, [...path, target]);
      if (found !== undefined) return found;
    }
    return undefined;
  };

  return visit(from, [from]);
}

/** The files of one cycle, the first repeated at the end; undefined if there is none. Depth first, each file entered once. */
function findCycle(files: Sources): string[] | undefined {
  const finished = new Set<string>();
  const path: string[] = [];

  const visit = (file: string): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (finished.has(file)) return undefined;
    path.push(file);
    for (const { specifier } of parseImports(files.get(file) ?? '')) {
      if (!specifier.startsWith('.')) continue;
      const cycle = visit(resolve(file, specifier));
      if (cycle !== undefined) return cycle;
    }
    path.pop();
    finished.add(file);
    return undefined;
  };

  for (const file of files.keys()) {
    const cycle = visit(file);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

function isDoor(code: string): boolean {
  return (
    stripComments(code)
      .replace(/export\s+(?:type\s+)?\{[\w$\s,]*\}\s*from\s*'[^'\n]+';/g, '')
      .trim() === ''
  );
}
