// The error classes and their codes are the same in the code, in the declarations users compile against, at run time
// and in docs/errors.md.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as maitre from 'maitre';
import { listFiles, readText } from './source-files.js';

type Codes = Record<string, string>;

describe('error codes', () => {
  const inCode = codesOfClasses(readText('src/core/errors.ts'));

  test('there are some, and no two classes share one', () => {
    const codes = Object.values(inCode);
    assert.ok(codes.length > 0);
    assert.equal(new Set(codes).size, codes.length);
  });

  test('declarations agree with the code', () => {
    assert.deepEqual(codesOfClasses(readText('dist/core/errors.d.ts')), inCode);
  });

  test('docs/errors.md agrees with the code', () => {
    assert.deepEqual(codesOfTable(readText('docs/errors.md')), inCode);
  });

  test('every class is exported by maitre, and every exported error has its row', () => {
    const exported = Object.entries(maitre)
      .filter(([, value]) => typeof value === 'function' && value.prototype instanceof Error)
      .map(([name]) => name);
    assert.deepEqual(exported.sort(), Object.keys(inCode).sort());
  });

  test('no other file makes up a code', () => {
    const others = listFiles('src', '.ts').filter((file) => file !== 'src/core/errors.ts');
    const known = new Set(Object.values(inCode));
    const strays = others.flatMap((file) =>
      [...readText(file).matchAll(/\bcode\b[^\n=]*=\s*'(ERR_[A-Z0-9_]+)'/g)]
        .map((match) => match[1] ?? '')
        .filter((code) => !known.has(code))
        .map((code) => `${file}: ${code}`),
    );
    assert.deepEqual(strays, []);
  });
});

describe('the readers of error codes', () => {
  test('read classes', () => {
    const code =
      'class A extends Error {\n  readonly code = \'ERR_A\';\n}\nexport declare class B {\n  readonly code: "ERR_B";\n}';
    assert.deepEqual(codesOfClasses(code), { A: 'ERR_A', B: 'ERR_B' });
  });

  test('read the rows of a table, whatever the order of its columns', () => {
    assert.deepEqual(codesOfTable('| class | code |\n|---|---|\n| `QueueFull` | `ERR_A` |\n| `ERR_B` | `Lost` |\n'), {
      Lost: 'ERR_B',
      QueueFull: 'ERR_A',
    });
  });
});

/** Class name to code, from TypeScript source or declarations. */
function codesOfClasses(text: string): Codes {
  const pairs = text.matchAll(/\bclass (\w+)(?:(?!\bclass )[\s\S])*?\bcode\b[^\n]*?['"](ERR_[A-Z0-9_]+)['"]/g);
  return sortedByName([...pairs].map(([, name = '', code = '']) => [name, code]));
}

/** Class name to code, from the rows of Markdown tables that hold both in backticks. */
function codesOfTable(text: string): Codes {
  const rows = text.split('\n').filter((line) => line.startsWith('|'));
  return sortedByName(
    rows.flatMap((row): [string, string][] => {
      const code = /`(ERR_[A-Z0-9_]+)`/.exec(row)?.[1];
      const name = /`([A-Z]\w*[a-z]\w*)`/.exec(row)?.[1];
      return code !== undefined && name !== undefined ? [[name, code]] : [];
    }),
  );
}

function sortedByName(pairs: [string, string][]): Codes {
  return Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1)));
}
