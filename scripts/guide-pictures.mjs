// Takes the pictures of docs/guides/see.md and of the README: node scripts/guide-pictures.mjs [FOLDER [NAME ...]]
// They show the programs in examples/see with their real guests, so no two runs look quite alike. Needs Chromium.

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { build } from './build.mjs';
import { fewerColors } from './fewer-colors.mjs';
import { root, setUp } from './setup.mjs';

const [folder = join(root, 'docs'), ...names] = process.argv.slice(2);

/** Bytes. A page of the guide should not be heavier than its subject. */
const MOST = 120_000;

const see = (name) => [`examples/see/${name}.ts`];
const serve = (name) => ['dist/cli/main.js', 'serve', `examples/${name}.ts`, '--inspect', '--port', '0'];

/** Each picture: the program, and what is done before it is taken. */
const pictures = {
  'see-hello': {
    program: serve('hello'),
    words: 'record',
    before: connectThree,
    act: (page) => choose(page, 2),
    seconds: 4,
  },
  'see-blocker': { program: see('blocker'), seconds: 10, act: untilBlocked },
  'see-blocker-dark': { program: see('blocker'), theme: 'dark', seconds: 10, act: untilBlocked },
  'see-slow-eater': { program: see('slow-eater'), seconds: 12, act: (page) => choose(page, 1) },
  'see-lock-convoy': { program: see('lock-convoy'), seconds: 12 },
  'see-lock-convoy-dark': { program: see('lock-convoy'), theme: 'dark', seconds: 12 },
  'see-task-leak': { program: see('task-leak'), seconds: 12, view: 'tasks' },
  'see-deadlock': { program: see('deadlock'), seconds: 8, act: (page) => choose(page, 1) },
  'see-slow-motion': { program: see('lock-convoy'), seconds: 5, act: slowMotion },
  'see-side-by-side': { program: see('lock-convoy'), seconds: 2, view: 'compare', act: sideBySide },
  'see-recording': { program: see('blocker'), seconds: 3, instead: openRecording },
};

setUp();
if (!(await build())) process.exit(1);
const { launch } = await import('../build/test/support/chromium.js');
mkdirSync(folder, { recursive: true });
const browser = await launch();
try {
  for (const [name, picture] of Object.entries(pictures)) {
    if (names.length === 0 || names.includes(name)) await take(name, picture);
  }
} finally {
  await browser.close();
}

async function take(name, { program, words, before, act, instead, seconds, view = 'floor', theme = 'light' }) {
  const path = join(folder, `${name}.png`);
  const running = await start(program, words);
  const page = await browser.newPage({ viewport: { width: 1200, height: 750 } });
  page.on('pageerror', (error) => console.error(`${name}: ${error.stack}`));
  const undo = await before?.(running);
  try {
    if (instead === undefined) {
      await page.goto(`${running.page}#theme=${theme}&view=${view}`);
      await page.waitForSelector('footer .ok');
    }
    await sleep(seconds * 1000);
    const image = (await (instead ?? act)?.(page, running)) ?? (await page.screenshot());
    const small = fewerColors(image);
    writeFileSync(path, small);
    console.log(`${path}  ${Math.round(small.length / 1000)} kB`);
    if (small.length > MOST) process.exitCode = 1;
  } finally {
    undo?.();
    await page.close();
    await running.stop();
  }
}

/** Starts a program with a folder of its own for its control socket, as `npm start` does. */
async function start(args, settings) {
  const runtime = mkdtempSync(join(tmpdir(), 'maitre-'));
  const env = {
    ...process.env,
    XDG_RUNTIME_DIR: runtime,
    ...(settings === undefined ? {} : { MAITRE_INSPECT: settings }),
  };
  const runs = Number(process.versions.node.split('.')[0]) >= 24 ? [] : ['--import', 'tsx'];
  const command = (...more) => [
    process.execPath,
    [...runs, ...more],
    { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] },
  ];
  const child = spawn(...command(...args));
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (said += text));
  const stop = async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await new Promise((ended) => child.once('exit', ended));
    rmSync(runtime, { recursive: true, force: true });
  };
  const maitre = (...words) =>
    new Promise((ended, failed) => {
      const asked = spawn(...command('dist/cli/main.js', ...words));
      let text = '';
      asked.stdout.setEncoding('utf8').on('data', (more) => (text += more));
      asked.once('error', failed).once('close', () => ended(text));
    });
  while (!/127\.0\.0\.1:\d+/.test(said)) await sleep(50);
  // `maitre serve` prints no token into a pipe, so the address comes from the command that makes one.
  let address;
  while (address === undefined)
    address = /http:\S+token=[\w-]+/.exec(`${said} ${await maitre('console', child.pid)}`)?.[0];
  return { page: address, port: Number(/127\.0\.0\.1:(\d+)/.exec(said)[1]), pid: child.pid, runtime, maitre, stop };
}

/** Three people who have connected, and have not typed anything yet. */
async function connectThree({ port }) {
  const sockets = Array.from({ length: 3 }, () => createConnection({ host: '127.0.0.1', port }));
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}

async function choose(page, number) {
  await page.focus('canvas[data-testid=floor]');
  for (let i = 0; i < number; i++) await page.keyboard.press('ArrowRight');
  await page.waitForTimeout(1500);
}

/**
 * A picture from the middle of a block, and not from its end: taken fast enough, soon enough. On a busy machine the block
 * may be over before anybody could look at its code: then the next one.
 */
async function untilBlocked(page) {
  const isBlocked = async () => (await page.title()).startsWith('Blocked');
  for (;;) {
    while (await isBlocked()) await page.waitForTimeout(5);
    while (!(await isBlocked())) await page.waitForTimeout(5);
    const begin = performance.now();
    const image = await page.screenshot();
    const isNamed = /^Blocked for \d+ ms by .* in kneadDough/.test((await page.locator('.say').textContent()) ?? '');
    if (isNamed && performance.now() - begin < 130) return image;
  }
}

/** The recording that the page itself asks for, at a step in its middle. */
async function slowMotion(page) {
  await page.keyboard.press('s');
  await page.waitForSelector('canvas[data-testid=slow-floor]');
  await page.waitForTimeout(500);
  await page.keyboard.press(' ');
  await page.waitForTimeout(500);
  for (let i = 0; i < 12; i++) await page.keyboard.press('ArrowRight');
  await page.waitForTimeout(1000);
}

/** The dinner of both waiters, half of it served. */
async function sideBySide(page) {
  await page.waitForTimeout(4000);
}

/** What `maitre record` writes, opened as a file. */
async function openRecording(page, { maitre, pid, runtime }) {
  const file = join(runtime, 'dinner.html');
  do {
    await maitre('record', pid, '--for', '4s', '-o', file);
    await page.goto('about:blank');
    await page.goto(`${pathToFileURL(file)}#theme=light`);
    await page.waitForTimeout(1500);
    await page.click('button.btn');
    await page.waitForTimeout(1500);
  } while (!(await page.locator('[data-testid=sentence]').textContent()).includes('kneadDough'));
}
