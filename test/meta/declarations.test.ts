// The declarations that ship: they tell of no @internal member, make sense without those, and name no type that users
// cannot name.

import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, test } from 'node:test';
import { compile } from './compile.js';
import { readText, root, stripComments } from './source-files.js';

/** The project of somebody who looks at every declaration. */
const compilerOptions = {
  target: 'es2023',
  lib: ['es2023', 'esnext.disposable'],
  module: 'nodenext',
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  noEmit: true,
};

/** What the functions of the doors make: `new` would make one that belongs to nothing. */
const madeByFunctions = {
  maitre: [
    'Connection',
    'DatagramEndpoint',
    'Receiver',
    'Sender',
    'Server',
    'Subscription',
    'Task',
    'TaskGroup',
    'Timeout',
  ],
  'maitre/testing': ['SimulatedConnection', 'Simulation'],
};

const doors = doorsOfPackage();
const files = reachable(Object.values(doors));

describe('the declarations that ship', () => {
  test('tell of no @internal member', () => {
    assert.ok(files.length > 100, `${files.length} declaration files`);
    assert.deepEqual(
      files.filter((file) => readText(file).includes('@internal')),
      [],
    );
  });

  test('compile, in a project that checks them all', () => {
    const imports = Object.keys(doors).map((door, index) => `export * as door${index} from '${door}';`);
    assert.equal(compileAs('every-door', imports.join('\n')), '');
  });

  test('let nobody make by `new` what a function of the door makes', () => {
    const tries = Object.entries(madeByFunctions).flatMap(([door, names]) => [
      `import { ${names.join(', ')} } from '${door}';`,
      ...names.map((name) => `new ${name}();`),
    ]);
    const said = compileAs('no-new', tries.join('\n'));
    for (const name of Object.values(madeByFunctions).flat()) {
      assert.ok(said.includes(`Constructor of class '${name}`), `${name} in\n${said}`);
    }
  });

  // Else a test would meet a class twice, once with its @internal members and once without.
  test('are not what tests compile against: test/tsconfig.json has a path for every door', () => {
    const config = readText('test/tsconfig.json').replace(/^ *\/\/.*$/gm, '');
    const { paths } = (JSON.parse(config) as { compilerOptions: { paths: object } }).compilerOptions; // our own file
    const expected = Object.entries(doors).map(([door, file]) => {
      return [door, [file.replace(/^dist/, '../build/declarations').replace(/\.d\.ts$/, '.js')]];
    });
    assert.deepEqual(paths, Object.fromEntries(expected));
  });

  test('name only types that a door exports', () => {
    const exported = new Set(Object.values(doors).flatMap((file) => [...exportsOf(file).values()]));
    const named = new Set(exported);
    for (const id of named) for (const type of typesIn(id)) named.add(type);
    // What its own file keeps to itself is a shorthand: its text might stand in its place.
    assert.deepEqual([...named].filter((id) => !exported.has(id) && !isShorthand(id)).sort(), []);
  });
});

/** What the compiler has to say about a program of somebody who uses the package. */
function compileAs(name: string, code: string): string {
  const folder = join(root, 'build', name); // inside the package, where its name means itself
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['.'] }));
  writeFileSync(join(folder, 'program.ts'), code);
  return compile(`build/${name}`);
}

/** The declarations of every door, by its name: those of browsers too. */
function doorsOfPackage(): Record<string, string> {
  const { exports } = JSON.parse(readText('package.json')) as { exports: Record<string, { types?: string }> }; // our own file
  return Object.fromEntries(
    Object.entries(exports).flatMap(([path, { types }]) =>
      types === undefined ? [] : [[posix.join('maitre', path), posix.normalize(types)]],
    ),
  );
}

/** These files and all that they refer to. */
function reachable(start: readonly string[]): string[] {
  const found = new Set(start);
  for (const file of found) {
    for (const [, from = ''] of readText(file).matchAll(/\b(?:from|import) ?\(?['"](\.[^'"]+)['"]/g)) {
      found.add(declarationsOf(file, from));
    }
  }
  return [...found];
}

/** Where the declarations of what `file` imports from there are. */
function declarationsOf(file: string, from: string): string {
  return posix.join(posix.dirname(file), from).replace(/\.(?:ts|js)$/, '.d.ts');
}

interface Scope {
  /** The text of what is declared at the top, by name, without comments and strings. */
  readonly own: ReadonlyMap<string, string>;
  /** The file and name behind what is imported, or exported from elsewhere. */
  readonly foreign: ReadonlyMap<string, readonly [file: string, name: string]>;
  /** Files of which all is exported. */
  readonly all: readonly string[];
  readonly exported: ReadonlySet<string>;
}

const scopes = new Map<string, Scope>();

/** What the names at the top of a file mean. The compiler begins each declaration at the left, and nothing else but its end. */
function scopeOf(file: string): Scope {
  const known = scopes.get(file);
  if (known !== undefined) return known;
  const own = new Map<string, string>();
  const foreign = new Map<string, readonly [string, string]>();
  const exported = new Set<string>();
  const all: string[] = [];
  for (const statement of stripComments(readText(file)).split(/^(?=[a-z])/m)) {
    const [, all_] = /^export \* from '([^']+)'/.exec(statement) ?? [];
    const [, keyword, names, from] =
      /^(import|export) (?:type )?\{([^}]*)\}(?: from '([^']+)')?;/.exec(statement) ?? [];
    if (all_ !== undefined) all.push(declarationsOf(file, all_));
    else if (names !== undefined) {
      for (const each of names.split(',').map((text) => text.trim().replace(/^type /, ''))) {
        if (each === '') continue;
        const [name = '', alias = name] = each.split(' as ');
        if (from?.startsWith('.') === true) foreign.set(alias, [declarationsOf(file, from), name]);
        if (keyword === 'export') exported.add(alias);
      }
    } else {
      const [, , name] =
        /^(?:export )?(?:declare )?(?:abstract )?(class|function|interface|type|const|let) (\w+)/.exec(statement) ?? [];
      if (name === undefined) continue;
      own.set(name, (own.get(name) ?? '') + stripComments(statement, { strings: true }));
      if (statement.startsWith('export ')) exported.add(name);
    }
  }
  const scope = { own, foreign, all, exported };
  scopes.set(file, scope);
  return scope;
}

/** Where a name of a file is declared, as `file#name`; undefined for what is no name of ours. */
function declared(file: string, name: string): string | undefined {
  const { own, foreign, all } = scopeOf(file);
  if (own.has(name)) return `${file}#${name}`;
  const elsewhere = foreign.get(name);
  if (elsewhere !== undefined) return declared(...elsewhere);
  for (const each of all) if (exportsOf(each).has(name)) return exportsOf(each).get(name);
  return undefined;
}

/** What a file exports: each name, and where it is declared. */
function exportsOf(file: string): Map<string, string> {
  const { exported, all } = scopeOf(file);
  const names = [...exported, ...all.flatMap((each) => [...exportsOf(each).keys()])];
  return new Map(names.map((name) => [name, declared(file, name) ?? '']));
}

function isShorthand(id: string): boolean {
  const [file = '', name = ''] = id.split('#');
  return !scopeOf(file).exported.has(name);
}

/** The types of ours that a declaration names, as `file#name`. What it extends is not for users to name. */
function typesIn(id: string): string[] {
  const [file = '', name = ''] = id.split('#');
  const text = (scopeOf(file).own.get(name) ?? '').replace(
    /^((?:export |declare |abstract )*(?:class|interface) .*?) extends [^{]*\{/,
    '$1 {',
  );
  return [...text.matchAll(/\b[A-Z]\w*/g)]
    .filter(([word]) => word !== name)
    .flatMap(([word]) => declared(file, word) ?? []);
}
