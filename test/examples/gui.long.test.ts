import assert from 'node:assert/strict';
import { test as nodeTest } from 'node:test';
import type { Page } from 'playwright-core';
import { noBrowser, withPage } from '../support/browser.js';
import { endsWith, Program } from '../support/program.js';
import { test } from '../support/test.js';

/** Milliseconds: the bounds that the page is to keep, and the freeze that it is to show. */
const LONGEST_GAP = 50;
const CANCEL_TIME = 200;
const FREEZE = 500;
/** A machine that is busy with other things delays frames too. A page that freezes is late every time. */
const TRIES = 10;

type Way = 'own' | 'slices' | 'worker';

/** Starts the page as a user does, on a port of the system's choice. */
async function withGui<T>(fn: (url: string, program: Program) => Promise<T>): Promise<T> {
  await using program = new Program(['scripts/start.mjs', 'examples/gui', '--port', '0']);
  const [, url = ''] = await program.sees(/serving examples\/gui; open (http:\S+) in a browser; Ctrl-C ends it/);
  return await fn(url, program);
}

test('npm start -- examples/gui serves the page with the headers for shared memory, until SIGINT', async () => {
  await withGui(async (url, program) => {
    const response = await fetch(url);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('cross-origin-opener-policy'), 'same-origin');
    assert.equal(response.headers.get('cross-origin-embedder-policy'), 'require-corp');
    assert.match(await response.text(), /<title>maitre: a page that does not freeze<\/title>/);
    await using second = new Program(['scripts/start.mjs', 'examples/gui', '--port', new URL(url).port]);
    const [, other = ''] = await second.sees(/open (http:\S+) in a browser/);
    assert.notEqual(other, url, 'a port in use is not taken twice');
    await endsWith(second, 'SIGINT', 130, 5000);
    await endsWith(program, 'SIGINT', 130, 5000);
  });
});

test('npm start -- FOLDER refuses an option that it does not have', async () => {
  await using program = new Program(['scripts/start.mjs', 'examples/gui', '--prot', '1']);
  const { code, stderr } = await program.ended();
  assert.equal(code, 2);
  assert.match(stderr, /--prot[\s\S]*Usage: npm start -- FOLDER \[--host HOST\] \[--port PORT\]/);
});

void nodeTest('the page in Chromium', { skip: noBrowser, timeout: 120_000 }, async (t) => {
  await withGui(async (url) => {
    await withPage(async (page, errors) => {
      await page.goto(url);
      await page.evaluate(probe);

      await t.test('shares memory with its worker', async () => {
        assert.equal(await page.evaluate('crossOriginIsolated'), true);
        assert.equal(await page.locator('#isolation').textContent(), 'shares memory');
      });

      await t.test(`counting in its own thread freezes it for over ${FREEZE} ms, and it says so`, async () => {
        const { outcome, longest } = await runOf(page, 'own');
        assert.equal(outcome, '664,579 primes');
        assert.ok(longest > FREEZE, `${longest} ms`);
        const shown = parseSeconds(await page.locator('#own .gap').textContent());
        assert.ok(Math.abs(shown - longest) < 100, `it shows ${shown} ms, it was ${longest} ms`);
        assert.match(await sentenceOf(page), /^The page stood still for [\d.]+ (?:m?s)\. No frame/);
        assert.equal(await page.locator('#sentence.late').count(), 1);
      });

      await page.click('[data-limit="5000000"]');

      await t.test(
        `counting in slices lets frames through, reaches its end, and is cancelled in ${CANCEL_TIME} ms`,
        async () => {
          const { outcome, frames } = await runOf(page, 'slices');
          assert.equal(outcome, '348,513 primes');
          assert.ok(frames > 20, `${frames} frames`);
          await untilCancelled(page, 'slices');
        },
      );

      await t.test(`while a worker counts, no frame takes ${LONGEST_GAP} ms`, async () => {
        const gaps: number[] = [];
        while (gaps.length < TRIES && (gaps.at(-1) ?? Infinity) >= LONGEST_GAP) {
          const { outcome, longest, parts } = await runOf(page, 'worker');
          gaps.push(longest);
          assert.equal(outcome, '348,513 primes');
          assert.ok(
            parts.length > 5 && parts.every((part, i) => part >= (parts[i - 1] ?? 0)),
            `progress: ${parts.join()}`,
          );
        }
        assert.ok((gaps.at(-1) ?? Infinity) < LONGEST_GAP, `the longest frames: ${gaps.join(' ms, ')} ms`);
      });

      await t.test(`a worker that counts is cancelled in ${CANCEL_TIME} ms, and counts again`, async () => {
        await untilCancelled(page, 'worker');
        assert.equal((await runOf(page, 'worker')).outcome, '348,513 primes');
      });

      await t.test('keys start and cancel, and the focus stays where one works', async () => {
        await page.focus('#worker .start');
        await page.keyboard.press('Enter');
        await page.waitForFunction(progressOf('worker', 0.05));
        assert.equal(await page.evaluate('document.activeElement.className.includes("cancel")'), true);
        await page.keyboard.press('Escape');
        await page.waitForFunction(`!document.querySelector('#worker .start').disabled`);
        assert.equal(await page.evaluate('document.activeElement.className.includes("start")'), true);
        await page.keyboard.press('2');
        await page.waitForFunction(progressOf('slices', 0.05));
        await page.keyboard.press('Escape');
        await page.waitForFunction(`/^Cancelled/.test(document.querySelector('#slices .outcome').textContent)`);
        const paper = (): Promise<string> => page.evaluate('getComputedStyle(document.body).backgroundColor');
        const before = await paper();
        await page.keyboard.press('t');
        assert.notEqual(await paper(), before);
      });

      await t.test('it fits every width from a phone to a large screen', async () => {
        for (const width of [360, 768, 1280, 1920]) {
          await page.setViewportSize({ width, height: 800 });
          const wide = await page.evaluate<number>('document.documentElement.scrollWidth');
          assert.ok(wide <= width, `${wide} pixels are needed, there are ${width}`);
        }
      });

      assert.deepEqual(errors, []);
    });
  });
});

/** Counts frames by itself, as a witness that is not of the page. */
const probe = `
  window.gaps = [];
  {
    let last = performance.now();
    const frame = () => {
      const now = performance.now();
      gaps.push(now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }
`;

interface Seen {
  readonly outcome: string;
  /** Milliseconds. */
  readonly longest: number;
  readonly frames: number;
  /** The progress that the page showed, from 0 to 100. */
  readonly parts: readonly number[];
}

/** Presses Start, and waits for the end. */
function runOf(page: Page, way: Way): Promise<Seen> {
  return page.evaluate<Seen>(`(async () => {
    const find = (name) => document.querySelector('#${way} ' + name);
    const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    await nextFrame();
    gaps.length = 0;
    find('.start').click();
    const parts = [];
    while (find('.start').disabled) {
      await nextFrame();
      parts.push(Number(find('.track').getAttribute('aria-valuenow')));
    }
    return { outcome: find('.outcome').textContent, longest: Math.max(...gaps), frames: gaps.length, parts };
  })()`);
}

/** Presses Start and, in the middle, Cancel. It ends in time, and says so. */
async function untilCancelled(page: Page, way: Way): Promise<void> {
  await page.click(`#${way} .start`);
  await page.waitForFunction(progressOf(way, 0.1));
  const took = await page.evaluate<number>(`(async () => {
    const began = performance.now();
    document.querySelector('#${way} .cancel').click();
    while (document.querySelector('#${way} .outcome').textContent === '') await new Promise((resolve) => setTimeout(resolve));
    return performance.now() - began;
  })()`);
  assert.ok(took < CANCEL_TIME, `it took ${took} ms`);
  assert.match((await page.locator(`#${way} .outcome`).textContent()) ?? '', /^Cancelled after \d+ ms$/);
}

/** An expression for the page: whether a run has come so far. */
function progressOf(way: Way, part: number): string {
  return `Number(document.querySelector('#${way} .track').getAttribute('aria-valuenow')) >= ${part * 100}`;
}

async function sentenceOf(page: Page): Promise<string> {
  return (await page.locator('#sentence').textContent()) ?? '';
}

/** `84 ms` and `2.75 s`, in milliseconds. */
function parseSeconds(text: string | null): number {
  const [, number, unit] = /^([\d.]+) (ms|s)$/.exec(text ?? '') ?? [];
  return Number(number) * (unit === 's' ? 1000 : 1);
}
