// What `maitre serve` says of a file that it cannot serve, and which TypeScript it runs where.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { openConnection } from 'maitre';
import { Folder, parsesUsing, type Ended, root, runMaitre, startServing, stripsTypes } from '../../support/program.js';
import { test } from '../../support/test.js';

after(() => Installation.removeAll());

/** Files without a handler: what is in them, and the one line that is said. */
const unfit: Record<string, [text: string, line: RegExp]> = {
  'none.mjs': [
    'export const handler = () => {};',
    /it has no default export, expected a function: export default async/,
  ],
  'object.mjs': ['export default { fetched() {} };', /its default export is an object, expected a function/],
  'number.mjs': ['export default 1;', /its default export is a number, expected a function/],
  'null.mjs': ['export default null;', /its default export is null, expected a function/],
  'absent.mjs': ['import "not-installed";\nexport default () => {};', /Cannot find package 'not-installed'/],
  'broken-link.mjs': ['import "./absent.js";\nexport default () => {};', /Cannot find module '.*absent\.js'/],
};

for (const [name, [text, line]] of Object.entries(unfit)) {
  test(`maitre serve says in one line why it cannot serve ${name}`, async () => {
    using folder = new Folder();
    const { code, stdout, stderr } = await runMaitre(['serve', folder.write(name, text)]);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^maitre: cannot serve .*\n$/, 'not one line');
    assert.match(stderr, line);
  });
}

/** Files that fail while loading: the runtime shows where. */
const failing: Record<string, [text: string, what: RegExp]> = {
  'throws.mjs': ['export default () => {};\nthrow new Error("no database");', /no database[^]*throws\.mjs:2/],
  'no-error.mjs': ['throw null;', /null/],
  'json.mjs': ['console.log("loaded");\nJSON.parse("{");\nexport default () => {};', /SyntaxError[^]*json\.mjs:2/],
  'syntax.mjs': ['// one\nconst = 3;\nexport default () => {};', /syntax\.mjs:2[^]*const = 3;/],
  'no-such-export.mjs': ['import { fly } from "node:fs";\nexport default fly;', /fly/],
};

for (const [name, [text, what]] of Object.entries(failing)) {
  test(`maitre serve shows where ${name} fails while loading, and runs it once`, async () => {
    using folder = new Folder();
    const { code, stdout, stderr } = await runMaitre(['serve', folder.write(name, text)]);
    assert.equal(code, 1);
    assert.equal(stdout, name === 'json.mjs' ? 'loaded\n' : '');
    assert.match(stderr, new RegExp(`^maitre: cannot serve .*${name}: it failed while loading\n`));
    assert.match(stderr, what);
    assert.ok(stderr.trimEnd().split('\n').length <= 8, `more than anybody reads:\n${stderr}`);
    assert.doesNotMatch(stderr, /\bat .*(?:cli\/|node:internal)/, 'whoever called the file');
  });
}

test('maitre serve shows the stack of an error down to the file, and its cause', async () => {
  using folder = new Folder();
  const text = 'function open() {\n  throw new Error("no soup", { cause: new Error("no water") });\n}\nopen();\n';
  const { code, stderr } = await runMaitre(['serve', folder.write('deep.mjs', text)]);
  assert.equal(code, 1);
  const frames = /: it failed while loading\nError: no soup\n +at open \(.*deep\.mjs:2:9\)\n +at .*deep\.mjs:4:1 \{\n/;
  assert.match(stderr, frames);
  assert.match(stderr, /\[cause\]: Error: no water/);
});

test('maitre serve runs a file in a folder src/cli once', async () => {
  using folder = new Folder();
  mkdirSync(join(folder.path, 'src/cli'), { recursive: true });
  const text = "console.log('loaded');\nJSON.parse('{');\nexport default 1;\n";
  const { code, stdout } = await runMaitre(['serve', folder.write('src/cli/own.ts', text)]);
  assert.deepEqual([code, stdout], [1, 'loaded\n']);
});

test('maitre serve says so when a file takes long to load, as a program that serves by itself does', async () => {
  using folder = new Folder();
  const text = 'await new Promise((resolve) => setTimeout(resolve, 2500));\nexport default () => {};';
  await using serving = await startServing([folder.write('slow.mjs', text)]);
  assert.match(serving.program.stderr, /^maitre: .*slow\.mjs is still loading and has exported nothing yet; .*\n$/);
});

// ---- TypeScript ------------------------------------------------------------------------------------------------------

const plain = `
interface Word { readonly text: string }
const word: Word = { text: 'typed' };
export default async (reader: unknown, writer: { write(data: string): void }): Promise<void> => writer.write(word.text);
`;
const withUsing = `
export default async (reader: unknown, writer: { write(data: string): void }): Promise<void> => {
  using _ = { [Symbol.dispose]: () => writer.write(' and disposed') };
  writer.write('typed');
};
`;
const withEnum = `
enum Word { Text = 'typed' }
export default async (reader: unknown, writer: { write(data: string): void }): Promise<void> => writer.write(Word.Text);
`;

/** TypeScript, what it answers, and why this runtime cannot run it by itself; undefined where it can. */
const typed: Record<string, [text: string, answer: string, why: RegExp | undefined]> = {
  plain: [plain, 'typed', stripsTypes ? undefined : /does not run TypeScript/],
  using: [
    withUsing,
    'typed and disposed',
    !stripsTypes
      ? /does not run TypeScript/
      : parsesUsing
        ? undefined
        : /cannot run it as it is \(Unexpected identifier/,
  ],
  enum: [withEnum, 'typed', !stripsTypes ? /does not run TypeScript/ : /cannot run it as it is \(.*enum/],
};

for (const [name, [text, answer, why]] of Object.entries(typed)) {
  for (const type of ['module', 'commonjs']) {
    test(`maitre serve runs a .ts file (${name}, in a package of type ${type}) where tsx is installed`, async () => {
      const installed = Installation.of({ tsx: true, type });
      assert.equal(await answerOf(installed, text), answer);
    });
  }

  test(`maitre serve ${why === undefined ? 'runs' : 'says in one line what to install for'} a .ts file (${name}) without tsx`, async () => {
    const installed = Installation.of({ tsx: false });
    if (why === undefined) {
      assert.equal(await answerOf(installed, text), answer);
      return;
    }
    const { code, stdout, stderr } = await installed.serve(text);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^maitre: cannot serve .*; install tsx \(npm install --save-dev tsx\)( or use Node 24)?\n$/);
    assert.match(stderr, why);
  });
}

test('maitre serve shows where a .ts file has a mistake, with tsx and without', async () => {
  const text = 'export default () => {};\nconst = 3;\n';
  const withTsx = Installation.of({ tsx: true });
  const told = (await withTsx.serve(text)).stderr;
  assert.match(told, /handler\.ts:2/);
  if (!stripsTypes) assert.match(told, /^maitre: cannot serve .*handler\.ts: .*handler\.ts:2:6: Expected .*\n$/);
  const without = Installation.of({ tsx: false });
  const { code, stderr } = await without.serve(text);
  assert.equal(code, 1);
  if (stripsTypes) assert.match(stderr, parsesUsing ? /handler\.ts:2/ : /Unexpected token/);
});

test('maitre serve runs a .ts file once that throws a SyntaxError of its own', async () => {
  const installed = Installation.of({ tsx: true });
  const { code, stdout, stderr } = await installed.serve(
    "console.log('loaded');\nJSON.parse('{');\nexport default 1;\n",
  );
  assert.deepEqual([code, stdout], [1, 'loaded\n']);
  assert.match(stderr, /^maitre: cannot serve .*: it failed while loading\n[^]*SyntaxError/);
});

/** The package in the node_modules of somebody's project. A copy takes a second of CPU time, so there are two for all tests. */
class Installation extends Folder {
  static readonly #made = new Map<boolean, Installation>();

  /** The one with tsx or without, whose project has this type. */
  static of({ tsx, type = 'module' }: { tsx: boolean; type?: string }): Installation {
    const installed = this.#made.get(tsx) ?? new Installation(tsx);
    this.#made.set(tsx, installed);
    installed.write('package.json', JSON.stringify({ type }));
    return installed;
  }

  static removeAll(): void {
    for (const installed of this.#made.values()) installed[Symbol.dispose]();
  }

  private constructor(tsx: boolean) {
    super();
    const target = join(this.path, 'node_modules/maitre');
    mkdirSync(target, { recursive: true });
    cpSync(join(root, 'dist'), join(target, 'dist'), { recursive: true });
    cpSync(join(root, 'package.json'), join(target, 'package.json'));
    if (tsx) symlinkSync(join(root, 'node_modules/tsx'), join(this.path, 'node_modules/tsx'));
  }

  /** Its own command, not the repository's. */
  get #maitre(): string {
    return join(this.path, 'node_modules/maitre/dist/cli/main.js');
  }

  serve(text: string): Promise<Ended> {
    return runMaitre(['serve', this.write('handler.ts', text), '--port', '0'], { cwd: this.path }, this.#maitre);
  }

  start(text: string): ReturnType<typeof startServing> {
    return startServing([this.write('handler.ts', text)], { cwd: this.path }, this.#maitre);
  }
}

/** What a client reads from a server of `text`. */
async function answerOf(installed: Installation, text: string): Promise<string> {
  await using serving = await installed.start(text);
  await using connection = await openConnection({ host: '127.0.0.1', port: serving.port });
  return String(await connection.reader.read());
}
