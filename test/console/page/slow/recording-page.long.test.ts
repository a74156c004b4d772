// The file of a recording in Chromium: opened from a disk, without a network.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'node:test';
import type { Page } from 'playwright-core';
import { recordingFile } from '#src/console/recording-file.js';
import { packRecording, type Recording } from '#src/inspect/protocol/index.js';
import { noBrowser, withPage } from '../../../support/browser.js';
import { recordingOf } from '../../../support/recordings.js';
import { test } from '../../../support/test.js';
import { root } from '../../../meta/source-files.js';

const template = readFileSync(join(root, 'dist/console/page/recording.html'), 'utf8');
const options = { skip: noBrowser, timeout: 60_000 };

interface Opened {
  readonly page: Page;
  /** What the page asked the network for. */
  readonly asked: readonly string[];
  readonly html: string;
}

/** Opens a recording from a file, while everything but files is refused. */
async function withFile(
  recording: Recording,
  fn: (opened: Opened) => Promise<void>,
  { still = false }: { readonly still?: boolean } = {},
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'maitre-recording-'));
  try {
    const html = recordingFile(packRecording(recording), template);
    const file = join(folder, 'recording.html');
    writeFileSync(file, html);
    await withPage(async (page, errors) => {
      const asked: string[] = [];
      const complaints: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
      await page.route(/^(?!file:)/, (route) => {
        asked.push(route.request().url());
        return route.abort();
      });
      if (still) await page.emulateMedia({ reducedMotion: 'reduce' });
      await page.goto(`file://${file}#theme=light`);
      await page.waitForSelector('[data-testid="sentence"]');
      await fn({ page, asked, html });
      assert.deepEqual(errors, []);
      assert.deepEqual(complaints, [], 'neither violations of its policy nor errors');
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const sentence = (page: Page): Promise<string> => page.getByTestId('sentence').innerText();

describe('the file of a recording', () => {
  test(
    'opens offline and shows the block with its stack, and who called meanwhile',
    async () => {
      await withFile(recordingOf(12, { block: 84 }), async ({ page, asked }) => {
        const said = await sentence(page);
        assert.match(
          said,
          /The waiter stands at table \d+ \w+ for 84 ms, in kneadDough \(orders\.ts:42\)\. Nobody else/,
        );
        assert.match(
          await page.getByTestId('stack').innerText(),
          /kneadDough orders\.ts:42:10\nparseOrder orders\.ts:31:3/,
        );
        assert.equal(await page.title(), 'Recording of orders.ts');
        assert.match(
          await page.locator('.file-title').innerText(),
          /200 ms up to .* frozen because the loop was blocked/,
        );
        assert.deepEqual(asked, []);
      });
    },
    options,
  );

  test(
    'is stepped through by keys: visit to visit, to the ends, and into the lanes',
    async () => {
      const recording = recordingOf(12);
      await withFile(recording, async ({ page }) => {
        const head = async (): Promise<string> => (await sentence(page)).split('\n')[0] ?? '';
        const count = recording.visits.length;
        await page.keyboard.press('Home');
        assert.match(await head(), new RegExp(`^visit 1 of ${count}, turn 1 of the loop$`));
        await page.keyboard.press('ArrowRight');
        await page.keyboard.press('ArrowRight');
        await page.keyboard.press('ArrowLeft');
        assert.match(await head(), /^visit 2 of /);
        await page.keyboard.press('End');
        assert.match(await head(), new RegExp(`^visit ${count} of ${count}`));
        await page.keyboard.press('+');
        assert.equal(await page.locator('.seg [aria-pressed="true"]').nth(1).innerText(), '20 ms');
        await page.keyboard.press('-');
        assert.equal(await page.locator('.seg [aria-pressed="true"]').nth(1).innerText(), '200 ms');
        await page.keyboard.press('t');
        assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark');
      });
    },
    options,
  );

  test(
    'plays by itself, pauses with the space bar, and stands still where motion is to be reduced',
    async () => {
      const at = (page: Page): Promise<string> => page.locator('.say b').innerText();
      await withFile(recordingOf(12), async ({ page }) => {
        const first = await at(page);
        await page.locator('.say b').filter({ hasNotText: first }).waitFor();
        await page.keyboard.press(' ');
        assert.equal(await page.getByTestId('play').getAttribute('aria-label'), 'Play (Space)');
      });
      await withFile(
        recordingOf(12),
        async ({ page }) => {
          assert.equal(await page.getByTestId('play').getAttribute('aria-label'), 'Play (Space)');
          assert.match(await sentence(page), /^visit 1 of /);
        },
        { still: true },
      );
    },
    options,
  );

  test(
    'goes where the scrubber is pressed: the same place is the same time, however long the silence',
    async () => {
      await withFile(recordingOf(12, { length: 10_000, silence: 4000, every: 30 }), async ({ page }) => {
        const box = await page.getByTestId('scrubber').boundingBox();
        assert.ok(box !== null);
        for (const share of [0.2, 0.8]) {
          await page.mouse.click(box.x + 132 + (box.width - 148) * share, box.y + 20);
          await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
          const shown = Number.parseFloat(await page.locator('.say b').innerText());
          assert.ok(Math.abs(shown - 10_000 * share) < 15, `${shown} at ${share}`);
        }
      });
    },
    options,
  );

  test(
    'ten seconds of 2,000 visits a second are under 3 MiB, open, and show the block',
    async () => {
      const many = recordingOf(5, { tables: 400, length: 10_000, every: 0.44, stoves: 64, block: 84 });
      assert.ok(many.visits.length > 20_000, `${many.visits.length}`);
      await withFile(many, async ({ page, html }) => {
        assert.ok(html.length < 3 * 2 ** 20, `${html.length}`);
        assert.match(await sentence(page), /stands at table \d+ \w+ for 84 ms, in kneadDough/);
        // Rows that are not in view are not in the page.
        assert.ok((await page.locator('.step').count()) < 100);
        await page.keyboard.press('End');
        assert.match(await sentence(page), new RegExp(`^visit ${many.visits.length} of ${many.visits.length}`));
      });
    },
    options,
  );

  test(
    'prints what a client calls itself as text',
    async () => {
      const recording = recordingOf(12);
      const evil = '</script><img src=x onerror=alert(1)>';
      const tables = recording.tables.map((table) => ({ ...table, name: evil, peer: `${evil}:1` }));
      await withFile({ ...recording, tables }, async ({ page, asked }) => {
        await page.keyboard.press('Home');
        assert.ok((await sentence(page)).includes(evil));
        assert.equal(await page.locator('img').count(), 0);
        assert.deepEqual(asked, []);
      });
    },
    options,
  );

  test(
    'says how far back it goes, where less is left than was asked for',
    async () => {
      await withFile({ ...recordingOf(12), lost: 1200 }, async ({ page }) => {
        assert.match(
          await page.locator('.file-title').innerText(),
          /It reaches back 200 ms: 1,200 events before that were/,
        );
      });
    },
    options,
  );
});
