import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { test as nodeTest } from 'node:test';
import type { Page } from 'playwright-core';
import { KINDS } from '#page/console/page/kinds.js';
import { seatingOf } from '#page/console/page/floor/seating.js';
import { zonesOf } from '#page/console/page/floor/zones.js';
import { DARK, LIGHT } from '#page/console/page/theme.js';
import { readText, root } from '../../meta/source-files.js';
import { noBrowser, withPage } from '../../support/browser.js';
import { type PageServer, servePage } from '../../support/page-server.js';
import { SCENARIOS } from '../../support/simulated-loop.js';
import { type ProcessOptions, SimulatedProcess } from '../../support/simulated-process.js';

interface Setting {
  readonly page: Page;
  readonly server: PageServer;
  readonly process: SimulatedProcess;
}

/** A page over a simulated process, whose time moves only when the test says so. */
async function withConsole(
  tables: keyof typeof SCENARIOS,
  fn: (setting: Setting) => Promise<void>,
  settings: ProcessOptions & { readonly hash?: string } = {},
): Promise<void> {
  const process = new SimulatedProcess({ ...SCENARIOS[tables], blockEvery: 0 }, settings);
  process.loop.advance(5000);
  await using server = await servePage(process);
  await withPage(async (page, errors) => {
    const said: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') said.push(message.text());
    });
    await page.goto(`${server.origin}#${settings.hash ?? 'theme=light'}`);
    await page.waitForSelector('footer .ok');
    await fn({ page, server, process });
    assert.deepEqual(errors, []);
    // Chromium says so of every stream that ends.
    assert.deepEqual(
      said.filter((text) => !text.startsWith('Failed to load resource')),
      [],
      'neither violations of its policy nor errors',
    );
  });
}

const options = { skip: noBrowser, timeout: 60_000 };

/** Waits until an expression of the page is true. Asked from outside: the page's own policy forbids `eval` in it. */
async function until(page: Page, expression: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if ((await page.evaluate(expression)) === true) return;
    await page.waitForTimeout(50);
  }
  assert.fail(`${expression} did not come true`);
}

/** So many frames of the page, however long they take. */
async function drawn(page: Page, frames: number): Promise<void> {
  for (let n = 0; n < frames; n++) await page.evaluate('new Promise((next) => requestAnimationFrame(() => next()))');
}

/** Two beats of the text, and some frames of the canvas. */
async function settle(page: Page): Promise<void> {
  await page.waitForTimeout(600);
}

/** Where the glyph of a large table is. */
async function glyphSpot(page: Page, seat: number, seats: number): Promise<readonly [number, number]> {
  const [width, height] = await page.evaluate<[number, number]>(
    '[document.querySelector(".canvasbox").clientWidth, document.querySelector(".canvasbox").clientHeight]',
  );
  const { spots, radius } = seatingOf(seats, zonesOf(width, height).area);
  return [spots[2 * seat] ?? 0, (spots[2 * seat + 1] ?? 0) - 31 * (radius / 62)];
}

/** The colour of the floor at a point, as `#rrggbb`. */
async function colorAt(page: Page, [x, y]: readonly [number, number]): Promise<string> {
  return await page.evaluate<string>(`(() => {
    const canvas = document.querySelector('[data-testid=floor]');
    const scale = canvas.width / canvas.clientWidth;
    const [r, g, b] = canvas.getContext('2d').getImageData(${x} * scale, ${y} * scale, 1, 1).data;
    return '#' + [r, g, b].map((v) => v.toString(16).padStart(2, '0')).join('');
  })()`);
}

void nodeTest('the page is static files of at most 256 kB, with nothing inline and nothing from elsewhere', () => {
  const folder = `${root}dist/console/page/`;
  const files = ['icon.svg', 'index.html', 'page.css', 'page.js'];
  // The library itself, which side by side loads, and the file that a recording is written as.
  assert.deepEqual(readdirSync(folder).sort(), [...files, 'dinner.js', 'recording.html'].sort());
  const size = files.reduce((sum, file) => sum + statSync(`${folder}${file}`).size, 0);
  assert.ok(size <= 256_000, `${size} bytes`);
  const html = readText('dist/console/page/index.html');
  assert.doesNotMatch(html, /<style|style=|<script(?![^>]*src=)|https?:/);
  assert.doesNotMatch(readText('dist/console/page/page.css'), /url\(|@font-face|https?:/);
});

void nodeTest('the page shows the sentence of the process, word for word', options, async () => {
  await withConsole(8, async ({ page, server }) => {
    server.advance(1000);
    await until(page, "document.querySelector('.say').textContent.startsWith('The loop keeps up')");
    assert.match(
      (await page.locator('.say').textContent()) ?? '',
      /^The loop keeps up, \d+ % busy; no client waits unusually long\.$/,
    );
    assert.match(
      (await page.getAttribute('[data-testid=floor]', 'aria-label')) ?? '',
      /^The loop keeps up.* 8 tables: /,
    );
    assert.equal(await page.title(), '8 tables: orders.ts');
  });
});

void nodeTest('the legend counts every table once, and so does the code', options, async () => {
  await withConsole(120, async ({ page, server }) => {
    server.advance(2000);
    await settle(page);
    for (const where of ['.legend button b', '.code .cnt']) {
      const counts = await page.locator(where).allTextContents();
      assert.equal(
        counts.reduce((sum, text) => sum + Number(text), 0),
        120,
        where,
      );
    }
  });
});

void nodeTest('a table has the colour of what it waits for, at a seat that it keeps', options, async () => {
  await withConsole(8, async ({ page, server, process }) => {
    const seen = new Set<number>();
    for (let i = 0; i < 60 && seen.size < 3; i++) {
      // To the next moment at which one of the quiet tables waits for something else.
      server.advance(400);
      await page.waitForTimeout(120);
      for (const [seat, id] of [1, 2, 4, 5].map((id) => [id - 1, id] as const)) {
        const table = process.loop.tables.find((each) => each.id === id);
        // A ring has nothing in its middle, a dashed ring neither.
        if (table === undefined || table.ball === 0 || table.ball === 5 || seen.has(table.ball)) continue;
        const color = await colorAt(page, await glyphSpot(page, seat, 8));
        const kind = KINDS[table.ball]?.id ?? 'read';
        if (color === LIGHT.kinds[kind]) seen.add(table.ball);
      }
    }
    assert.ok(seen.size >= 3, `colours of ${[...seen].join(', ')}`);
  });
});

void nodeTest('a filter of the legend pales all others, and a second press takes it back', options, async () => {
  await withConsole(8, async ({ page, server, process }) => {
    while (process.loop.tables.find(({ id }) => id === 1)?.ball !== 2) server.advance(100);
    const spot = await glyphSpot(page, 0, 8);
    await settle(page);
    const full = await colorAt(page, spot);
    await page.click('.legend button >> nth=1');
    assert.equal(await page.getAttribute('.legend button >> nth=1', 'aria-pressed'), 'true');
    await page.waitForTimeout(100);
    assert.notEqual(await colorAt(page, spot), full);
    await page.click('.legend button >> nth=1');
    await page.waitForTimeout(100);
    assert.equal(await colorAt(page, spot), full);
  });
});

void nodeTest('keys open views, choose tables, arrange, change the theme, and explain', options, async () => {
  await withConsole(120, async ({ page, server }) => {
    server.advance(500);
    const pressed = (): Promise<string | null> => page.locator('.seg [aria-pressed=true]').textContent();
    await page.keyboard.press('g');
    await until(page, "document.querySelector('.seg [aria-pressed=true]').textContent === 'How long'");
    await page.keyboard.press('g');
    await page.keyboard.press('g');
    assert.equal(await pressed(), 'Seats');
    await page.keyboard.press('ArrowRight');
    await page.waitForSelector('.bigname');
    const first = await page.locator('.bigname').textContent();
    await page.keyboard.press('ArrowRight');
    await until(page, `document.querySelector('.bigname').textContent !== ${JSON.stringify(first)}`);
    await page.keyboard.press('ArrowLeft');
    await until(page, `document.querySelector('.bigname').textContent === ${JSON.stringify(first)}`);
    await page.keyboard.press('Escape');
    await page.waitForSelector('.bigname', { state: 'detached' });
    const paper = (): Promise<string> => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const before = await paper();
    await page.keyboard.press('t');
    assert.notEqual(await paper(), before);
    await page.keyboard.press('?');
    await page.waitForSelector('dialog[open] .li');
    await page.keyboard.press('?');
    await page.waitForSelector('dialog[open]', { state: 'detached' });
    await page.keyboard.press('/');
    await until(page, "document.activeElement.matches('input.filter')");
    await page.keyboard.type('10.1.');
    await until(page, "[...document.querySelectorAll('.tr .mono')].every((e) => e.textContent.startsWith('10.1.'))");
    await page.keyboard.press('Escape');
    await page.keyboard.press('j');
    await page.waitForSelector('.tr.sel');
    await page.keyboard.press('1');
    await page.waitForSelector('[data-testid=floor]');
  });
});

void nodeTest('held: nothing is asked for and nothing moves, until Space', options, async () => {
  await withConsole(120, async ({ page, server }) => {
    await page.waitForTimeout(1500); // until the waiter stands at the loop
    server.advance(500);
    await page.waitForTimeout(40); // it has set out
    await page.keyboard.press(' ');
    await page.waitForSelector('footer .held');
    while (server.viewers > 0) await page.waitForTimeout(20);
    await drawn(page, 3); // the frame after the key, however late it comes
    const before = await floorOf(page);
    server.advance(2000);
    await page.waitForTimeout(400); // longer than a step of the waiter
    await drawn(page, 3);
    const after = await floorOf(page);
    assert.ok(after === before, 'the floor has changed');
    await page.keyboard.press(' ');
    await page.waitForSelector('footer .ok');
    while (server.viewers === 0) await page.waitForTimeout(20);
    assert.equal(server.viewers, 1);
    let moved = false;
    for (let tries = 0; tries < 50 && !moved; tries++) {
      server.advance(500);
      await settle(page);
      moved = (await floorOf(page)) !== before;
    }
    assert.ok(moved, 'the floor has not changed');
  });
});

void nodeTest('a lost server is said, with the time of the picture; it comes back by itself', options, async () => {
  await withConsole(8, async ({ page, server }) => {
    server.advance(500);
    server.lose();
    await page.waitForSelector('.banner');
    assert.match(
      (await page.locator('.banner').textContent()) ?? '',
      /The server does not answer\. What you see is from \d\d:\d\d:\d\d\. Trying again every 2 s\./,
    );
    await until(page, "document.title.startsWith('No answer')");
    server.find();
    await page.waitForSelector('.banner', { state: 'detached' });
    await page.waitForSelector('footer .ok');
  });
});

void nodeTest('a block is red, counts, is read out, and stays for a while after its end', options, async () => {
  await withConsole(8, async ({ page, server, process }) => {
    process.loop.blockFor(1500);
    while (process.loop.block === null) server.advance(20, 20);
    server.advance(300);
    await page.waitForSelector('.say .red');
    const id = process.loop.block.table.id;
    assert.match((await page.locator('.say').textContent()) ?? '', new RegExp(`^Client ${id} has kept the loop for`));
    await until(page, "document.title === 'Blocked: orders.ts'");
    assert.equal(await page.locator('[aria-live=polite]').textContent(), `Table ${id} holds the waiter in kneadDough.`);
    assert.equal(await page.locator('.legend .ends').textContent(), 'the waiter stands');
    server.advance(1500);
    await until(page, "document.querySelector('[aria-live=polite]').textContent.includes('held the waiter for')");
    await page.waitForSelector('.say .red', { state: 'detached' });
    await until(page, "document.querySelector('[aria-live=polite]').textContent === ''");
  });
});

void nodeTest('nobody has come: laid tables, and how to come', options, async () => {
  await withConsole(
    8,
    async ({ page, server }) => {
      server.advance(1000);
      await page.waitForSelector('.empty h1');
      assert.match((await page.locator('.empty pre').textContent()) ?? '', /npx maitre connect 127\.0\.0\.1:8002/);
    },
    { empty: true },
  );
});

void nodeTest('read only: the button is there, and says how to allow it', options, async () => {
  await withConsole(8, async ({ page, server }) => {
    server.advance(500);
    await page.keyboard.press('ArrowRight');
    await page.waitForSelector('.foot button[disabled]');
    assert.match((await page.locator('.foot').textContent()) ?? '', /MAITRE_INSPECT=control/);
    await page.keyboard.press('c');
    await page.keyboard.press('c');
    assert.ok(!server.asked.some(({ method }) => method === 'cancel'));
  });
});

void nodeTest('where control is allowed, cancelling asks once', options, async () => {
  await withConsole(
    8,
    async ({ page, server, process }) => {
      server.advance(500);
      await page.keyboard.press('ArrowRight');
      await page.click('text=Cancel this handler');
      await page.waitForSelector('text=Really cancel it');
      await page.click('text=Leave it');
      assert.ok(!server.asked.some(({ method }) => method === 'cancel'));
      await page.keyboard.press('c');
      await page.click('text=Really cancel it');
      await page.waitForSelector('text=Cancelled client');
      assert.equal(process.loop.ended[0]?.how, 'cancelled');
      server.advance(200);
      await page.waitForSelector('text=/is gone/');
    },
    { control: true },
  );
});

void nodeTest('text of clients and programs stays text', options, async () => {
  const mean = '<img src=x onerror="document.title=1"><b>bold</b>';
  await withConsole(
    8,
    async ({ page, server }) => {
      server.advance(500);
      await page.keyboard.press('ArrowRight');
      await page.waitForSelector('.bigname');
      assert.match((await page.locator('.bigname').textContent()) ?? '', /<img src=x/);
      await page.click('[data-view=connections]');
      await page.waitForSelector('.tr');
      await page.click('[data-view=tasks]');
      await page.waitForSelector('.tr');
      assert.equal(await page.locator('img, .bigname b').count(), 0);
    },
    { name: mean },
  );
});

void nodeTest(
  'a list of 10,000 has few rows in the document, and stands still under the pointer',
  options,
  async () => {
    await withConsole(
      10_000,
      async ({ page, server }) => {
        server.advance(300);
        await page.waitForSelector('.tr');
        assert.ok((await page.locator('.tr').count()) < 60);
        await page.click('.thead button >> nth=8');
        const order = (): Promise<string[]> => page.locator('.tr > span:first-child').allTextContents();
        await page.hover('.tr >> nth=5');
        await settle(page);
        const before = await order();
        server.advance(3000);
        await settle(page);
        assert.deepEqual(await order(), before);
        await page.evaluate("document.querySelector('.tbody').scrollTop = 200000");
        await until(page, `document.querySelector('.tr > span').textContent !== ${JSON.stringify(before[0])}`);
        assert.ok((await page.locator('.tr').count()) < 60);
      },
      { hash: 'view=connections' },
    );
  },
);

void nodeTest('the mosaic stands still while one points at it, and says whose dot it is', options, async () => {
  await withConsole(10_000, async ({ page, server }) => {
    server.advance(300);
    await settle(page);
    assert.equal(await page.locator('.seg [aria-pressed=true]').textContent(), 'How long');
    const [width, height] = [936, 622]; // the floor, in a window of 1280 x 800
    await page.hover('[data-testid=floor]', { position: { x: width * 0.3, y: height * 0.2 } });
    await page.waitForSelector('.tip .h');
    await until(page, "document.querySelector('.legend .ends').textContent === 'held while you point'");
    const before = await page.locator('.tip .h').textContent();
    server.advance(2000);
    await settle(page);
    assert.equal(await page.locator('.tip .h').textContent(), before);
    await page.mouse.move(5, 5);
    await page.waitForSelector('.tip', { state: 'detached' });
  });
});

void nodeTest('it fits every width from 768 to 1920, light and dark', options, async () => {
  await withConsole(120, async ({ page, server }) => {
    server.advance(500);
    for (const width of [768, 900, 1024, 1280, 1920]) {
      await page.setViewportSize({ width, height: 800 });
      await settle(page);
      for (const where of ['html', 'main', '.bar', '.strip', '.legend', 'footer']) {
        const wide = await page.evaluate<number>(`document.querySelector('${where}').scrollWidth`);
        assert.ok(wide <= width, `${where}: ${wide} pixels are needed, there are ${width}`);
      }
    }
    await page.click('[data-view=connections]');
    for (const width of [768, 1024]) {
      await page.setViewportSize({ width, height: 800 });
      await settle(page);
      const wide = await page.evaluate<number>("document.querySelector('.tbody').scrollWidth");
      assert.ok(wide <= width, `the list: ${wide} pixels are needed, there are ${width}`);
    }
    for (const theme of [LIGHT, DARK]) {
      await until(page, `document.documentElement.dataset.theme === '${theme.name}'`);
      assert.equal(
        await page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink')"),
        theme.ink,
      );
      await page.keyboard.press('t');
    }
  });
});

/** All pixels of the floor, as a text. */
function floorOf(page: Page): Promise<string> {
  return page.evaluate("document.querySelector('[data-testid=floor]').toDataURL()");
}
