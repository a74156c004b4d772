// What lies in the repository and should: the root holds these files and folders and no other, and private keys are
// fixtures of tests or not there at all. Whatever .gitignore names is not looked at.

import assert from 'node:assert/strict';
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { readText, root } from './source-files.js';

/** What the root holds, folders with their slash. A new entry has a reader, and is named in CONTRIBUTING.md or README.md. */
const rootEntries = [
  '.ci/',
  '.gitignore',
  '.npmrc',
  '.oxfmtrc.json',
  '.oxlintrc.json',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'LICENSE',
  'README.md',
  'bench/',
  'docs/',
  'examples/',
  'knip.json',
  'package-lock.json',
  'package.json',
  'scripts/',
  'src/',
  'test/',
  'tsconfig.base.json',
  'tsconfig.json',
];

const keyName = /\.(?:key|p12|pfx|jks|ppk)$|^id_(?:rsa|dsa|ecdsa|ed25519)$/;
// Written so that this file is none of them.
const keyText = /-----BEGIN (?:[A-Z]+ )*[P]RIVATE KEY-----/;

describe('the repository', () => {
  const ignored = new Set(['.git', ...ignoredNames(readText('.gitignore'))]);
  const entries = (folder: string): string[] =>
    readdirSync(join(root, folder))
      .map((name) => `${folder}${name}`)
      .filter((path) => !ignored.has(path) && !ignored.has(path.slice(folder.length)))
      .map((path) => (lstatSync(join(root, path)).isDirectory() ? `${path}/` : path));
  const files = (folder: string): string[] =>
    entries(folder).flatMap((path) => (path.endsWith('/') ? files(path) : [path]));

  test('has at its root what is listed here, and nothing else', () => {
    assert.deepEqual(
      entries('').filter((path) => !/^\.(?:idea|vscode)\/$|\.tsbuildinfo$/.test(path)),
      rootEntries,
    );
  });

  test('has private keys only among the fixtures of tests', () => {
    const keys = files('').filter(
      (path) => !/^test\/(?:.*\/)?fixtures\//.test(path) && isKey(path.replace(/^.*\//, ''), readText(path)),
    );
    assert.deepEqual(keys, []);
  });
});

describe('the reader of keys', () => {
  test('knows keys by their text and by their name', () => {
    for (const kind of ['', 'RSA ', 'EC ', 'ENCRYPTED ', 'OPENSSH ']) {
      assert.ok(isKey('k.pem', ['\n-----BEGIN ', kind, 'PRIVATE KEY-----\n'].join('')), kind);
    }
    for (const name of ['server.key', 'store.p12', 'id_ed25519']) assert.ok(isKey(name, ''), name);
    assert.ok(!isKey('c.pem', '-----BEGIN CERTIFICATE-----'));
    assert.ok(!isKey('keys.ts', 'a private key'));
  });

  test('knows which names .gitignore leaves out', () => {
    assert.deepEqual(ignoredNames('# a\ndist/\n\nbench/.peers/\n*.tsbuildinfo\n'), ['dist', 'bench/.peers']);
  });
});

function isKey(name: string, text: string): boolean {
  return keyName.test(name) || keyText.test(text);
}

/** The paths of a .gitignore that are plain, without their slash at the end. */
function ignoredNames(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !/[#*?![]/.test(line))
    .map((line) => line.replace(/^\/|\/$/g, ''));
}
