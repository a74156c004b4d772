// Takes pictures of the console's page on a simulated process: node scripts/console-shots.mjs [FOLDER [NAME ...]]
// Look at them after every change of what people see. Needs Chromium.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { root, setUp } from './setup.mjs';

const [folder = join(root, 'build/shots'), ...names] = process.argv.slice(2);

/** Each picture: how many tables, how large, which theme, and what is done before it is taken. */
const shots = {
  'floor-8': { tables: 8 },
  'floor-8-dark': { tables: 8, theme: 'dark' },
  'floor-120': { tables: 120 },
  'floor-1000': { tables: 1000 },
  'floor-10000': { tables: 10_000, act: pointAtMosaic },
  'floor-10000-seats': { tables: 10_000, act: (page) => page.click('text=Seats') },
  'floor-768': { tables: 120, width: 768, height: 1024 },
  'floor-1920': { tables: 120, width: 1920, height: 1080 },
  'code-120': { tables: 120, act: (page) => page.click('text=Where in code') },
  block: { tables: 8, block: 335 },
  'block-over': { tables: 8, block: 335, over: true },
  'block-120-dark-1920': { tables: 120, theme: 'dark', width: 1920, height: 1080, block: 243 },
  'block-10000': { tables: 10_000, block: 243 },
  detail: { tables: 120, control: true, act: (page) => chooseFirst(page) },
  'detail-dark': { tables: 8, theme: 'dark', act: (page) => chooseFirst(page) },
  'detail-768': { tables: 120, width: 768, height: 1024, act: (page) => chooseFirst(page) },
  tasks: { tables: 120, view: 'tasks' },
  connections: { tables: 120, view: 'connections' },
  'connections-10000': { tables: 10_000, view: 'connections' },
  blocks: { tables: 120, view: 'blocks' },
  ended: { tables: 120, view: 'ended' },
  warnings: { tables: 120, view: 'warnings' },
  empty: { tables: 8, empty: true },
  lost: { tables: 8, act: (page, server) => lose(page, server) },
  held: { tables: 120, act: (page) => page.keyboard.press(' ') },
  'connections-768': { tables: 120, view: 'connections', width: 768, height: 1024 },
  'tasks-dark': { tables: 120, view: 'tasks', theme: 'dark' },
  'floor-1024': { tables: 120, width: 1024, height: 700, control: true },
  help: { tables: 8, act: (page) => page.keyboard.press('?') },
};

setUp();
if (!(await build())) process.exit(1);
const { SCENARIOS } = await import('../build/test/support/simulated-loop.js');
const { SimulatedProcess } = await import('../build/test/support/simulated-process.js');
const { servePage } = await import('../build/test/support/page-server.js');
const { launch } = await import('../build/test/support/chromium.js');

mkdirSync(folder, { recursive: true });
const browser = await launch();
try {
  for (const [name, shot] of Object.entries(shots)) {
    if (names.length === 0 || names.includes(name)) await take(name, shot);
  }
} finally {
  await browser.close();
}

async function take(name, { tables, theme = 'light', width = 1280, height = 800, view = 'floor', ...rest }) {
  const process = new SimulatedProcess(SCENARIOS[tables], rest);
  process.loop.advance(tables > 2000 ? 70_000 : 300_000);
  const server = await servePage(process);
  const page = await browser.newPage({ viewport: { width, height } });
  page.on('console', (message) => {
    if (message.type() === 'error') console.error(`${name}: ${message.text()}`);
  });
  page.on('pageerror', (error) => console.error(`${name}: ${error.stack}`));
  await page.goto(`${server.origin}#theme=${theme}&view=${view}`);
  await page.waitForSelector('footer .ok');
  for (let i = 0; i < 30; i++) {
    server.advance(100);
    await page.waitForTimeout(50);
  }
  if (rest.block !== undefined) {
    process.loop.blockFor(rest.block + (rest.over ? 0 : 2000));
    while (process.loop.block === null) server.advance(20, 20);
    server.advance(rest.block);
    if (rest.over) server.advance(200);
    await page.waitForTimeout(400);
  }
  await rest.act?.(page, server);
  for (let i = 0; i < 6; i++) {
    if (rest.block === undefined) server.advance(100);
    await page.waitForTimeout(rest.block === undefined ? 100 : 10);
  }
  await page.screenshot({ path: join(folder, `${name}.png`) });
  await page.close();
  await server[Symbol.asyncDispose]();
  console.log(join(folder, `${name}.png`));
}

async function pointAtMosaic(page) {
  await page.mouse.move(470, 330);
}

async function chooseFirst(page) {
  await page.focus('canvas[data-testid=floor]');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await page.waitForTimeout(600);
}

async function lose(page, server) {
  server.lose();
  await page.waitForSelector('.banner');
}
