// Slow motion and side by side on the page, over a simulated process, in Chromium.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { Page } from 'playwright-core';
import { noBrowser, withPage } from '../../../support/browser.js';
import { servePage } from '../../../support/page-server.js';
import { SCENARIOS } from '../../../support/simulated-loop.js';
import { SimulatedProcess } from '../../../support/simulated-process.js';
import { test } from '../../../support/test.js';

const options = { skip: noBrowser, timeout: 60_000 };

async function withView(
  view: string,
  fn: (page: Page, asked: readonly { readonly method: string }[]) => Promise<void>,
): Promise<void> {
  const process = new SimulatedProcess({ ...SCENARIOS[8], blockEvery: 0 }, {});
  process.loop.advance(5000);
  await using server = await servePage(process);
  await withPage(async (page, errors) => {
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    await page.goto(`${server.origin}#view=${view}&theme=light`);
    await fn(page, server.asked);
    assert.deepEqual(errors, []);
    assert.deepEqual(complaints, [], 'neither violations of its policy nor errors');
  });
}

describe('slow motion', () => {
  test(
    'records 200 ms when it is opened, and again with s, and says the sum',
    async () => {
      await withView('slow', async (page, asked) => {
        const records = (): unknown[] => asked.filter(({ method }) => method === 'record');
        assert.match(
          await page.getByTestId('sum').locator('.of-all').innerText(),
          /^In these 200 ms: \d+ visits to \d of 8 tables/,
        );
        assert.deepEqual(records(), [{ method: 'record', params: { ms: 200 } }]);
        const again = page.waitForRequest((request) => request.postData()?.includes('"record"') === true);
        await page.keyboard.press('s');
        await again;
        await page.locator('.slow .btn', { hasText: /^Record 200 ms$/ }).waitFor();
        assert.equal(records().length, 2);
        await page.keyboard.press('1');
        await page.keyboard.press('2');
        await page.waitForSelector('[data-testid="sum"]');
        assert.equal(records().length, 2, 'coming back shows the same recording');
      });
    },
    options,
  );
});

describe('side by side', () => {
  test(
    'runs the library in the page twice, and says what came out',
    async () => {
      await withView('compare', async (page) => {
        await page.emulateMedia({ reducedMotion: 'reduce' });
        const said = page.getByTestId('result');
        await page.getByRole('button', { name: 'Again' }).click();
        await said.filter({ hasText: /The last guest left/ }).waitFor();
        const [, here = '', there = ''] =
          /after ([\d.]+) s here, after (\d+) ms there/.exec(await said.innerText()) ?? [];
        assert.ok(Number(here) > 1.5 && Number(there) < 500, await said.innerText());
        // Without a kitchen, nothing is won.
        await page.getByRole('button', { name: 'cookSync' }).click();
        await page.locator('.choices input').nth(1).fill('0');
        await said.filter({ hasText: /nothing is won/ }).waitFor();
      });
    },
    options,
  );
});
