// What the documents promise holds: the commands exist, the links lead somewhere, and the TypeScript compiles.
// A block that is not a whole program says so: ```ts no-check

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { compile } from './compile.js';
import { fencedBlocks, fileOf } from './markdown.js';
import { listFiles, readText, root } from './source-files.js';

const documents = [
  ...listFiles('docs', '.md'),
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].filter((file) => existsSync(join(root, file))),
];

describe('documents', () => {
  const { scripts } = JSON.parse(readText('package.json')) as { scripts: Record<string, string> }; // our own file

  test('README shows npm start and npm test', () => {
    const commands = npmScripts(readText('README.md'));
    assert.ok(commands.includes('start') && commands.includes('test'), `README shows only: ${commands.join(', ')}`);
  });

  test('every npm command shown is a script of package.json', () => {
    const unknown = documents.flatMap((file) =>
      npmScripts(readText(file))
        .filter((name) => !(name in scripts))
        .map((name) => `${file}: npm run ${name}`),
    );
    assert.deepEqual(unknown, []);
  });

  test('every relative link leads to a file', () => {
    const broken = documents.flatMap((file) =>
      relativeLinks(readText(file))
        .filter((link) => !existsSync(join(root, dirname(file), link)))
        .map((link) => `${file}: ${link}`),
    );
    assert.deepEqual(broken, []);
  });

  test('every fragment of a link leads to a heading', () => {
    const headings = new Map(documents.map((file) => [file, fragments(readText(file))]));
    const broken = documents.flatMap((file) =>
      linkTargets(readText(file)).flatMap((link) => {
        const [path = '', fragment] = link.split('#');
        const known = headings.get(path === '' ? file : join(dirname(file), path));
        return fragment === undefined || known === undefined || known.includes(fragment) ? [] : [`${file}: ${link}`];
      }),
    );
    assert.deepEqual(broken, []);
  });

  test('docs/README.md lists every page', () => {
    const listed = relativeLinks(readText('docs/README.md')).map((link) => join('docs', link));
    const pages = listFiles('docs', '.md').filter((file) => file !== 'docs/README.md');
    assert.deepEqual(
      pages.filter((page) => !listed.includes(page)),
      [],
    );
  });

  test('every TypeScript block compiles against maitre', () => {
    const folder = join(root, 'build/snippets');
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const file of documents) {
      for (const block of fencedBlocks(readText(file))) {
        const { info, code, line } = block;
        const imported = fileOf(block);
        if (info !== 'ts' && imported === undefined) continue;
        const path = join(folder, imported ?? `${file.replaceAll('/', '_')}-${line}.ts`);
        assert.ok(!existsSync(path), `${file}:${line}: another document has a ${imported} already`);
        // Blank lines first, so that the compiler's line numbers are the document's.
        writeFileSync(path, '\n'.repeat(line) + code);
      }
    }
    // Here and not in a folder of its own, so that the snippets are inside the package and may import it by name.
    const compilerOptions = { moduleDetection: 'force', noUnusedLocals: false };
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: '../../examples/tsconfig.json', compilerOptions, include: ['.'] }),
    );
    assert.equal(compile('build/snippets'), '');
  });
});

describe('the readers of documents', () => {
  test('find fenced blocks with their lines', () => {
    assert.deepEqual(fencedBlocks('a\n```ts\nlet x;\n```\n\n```sh no-check\nb\n```\n'), [
      { info: 'ts', code: 'let x;\n', line: 2 },
      { info: 'sh no-check', code: 'b\n', line: 6 },
    ]);
  });

  test('find npm scripts in shell blocks and code spans', () => {
    assert.deepEqual(npmScripts('```sh\nnpm start -- x\nnpm run bench\nnpm ci\n```\nor `npm test -- y`'), [
      'start',
      'bench',
      'test',
    ]);
  });

  test('find relative links only', () => {
    assert.deepEqual(relativeLinks('[a](docs/a.md#b) [c](https://c.d) [e](#e) ![f](f.png) `[g](g.md)`'), [
      'docs/a.md',
      'f.png',
    ]);
  });

  test('find headings as the fragments that lead to them', () => {
    assert.deepEqual(fragments('# A page\n```sh\n# no heading\n```\n## `run`, a.b(c) and [it](x.md#y)\n'), [
      'a-page',
      'run-abc-and-it',
    ]);
  });
});

/** The scripts that `npm start`, `npm test` and `npm run NAME` call in a text. */
function npmScripts(text: string): string[] {
  return [...text.matchAll(/\bnpm (?:run ([\w:-]+)|(start|test)\b)/g)].map((match) => match[1] ?? match[2] ?? '');
}

/** The targets of links and images to files of the repository, without their fragment. */
function relativeLinks(text: string): string[] {
  return linkTargets(text)
    .map((link) => link.replace(/#.*$/, ''))
    .filter((target) => target !== '' && !/^[a-z]+:/i.test(target));
}

function linkTargets(text: string): string[] {
  const prose = withoutBlocks(text).replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
}

/** The fragments of a document's headings, as GitHub makes them. */
function fragments(text: string): string[] {
  return [...withoutBlocks(text).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function withoutBlocks(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, '');
}
