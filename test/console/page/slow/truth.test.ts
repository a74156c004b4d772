// Slow motion against the truth: a server process works for 3, 6 and 9 ms in an order that it writes down itself.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import { historyOf, type Stay } from '#page/console/page/slow/history.js';
import { plain, sentenceOf } from '#page/console/page/slow/sentences.js';
import { HOLD, slowly, timelineOf } from '#page/console/page/slow/timeline.js';
import { recordingFile } from '#src/console/recording-file.js';
import { type PackedRecording, unpackRecording } from '#src/inspect/protocol/index.js';
import { root } from '../../../meta/source-files.js';
import { noBrowser, withPage } from '../../../support/browser.js';
import { Program } from '../../../support/program.js';
import { test } from '../../../support/test.js';

interface Truth {
  readonly log: readonly {
    readonly client: number;
    readonly asked: number;
    readonly begin: number;
    readonly ms: number;
  }[];
  readonly recording: PackedRecording;
}

const ASKED = [3, 6, 9];
const ROUNDS = 12;

/** Three clients ask at the same time, again and again, each time in another order. */
async function recordTruth(): Promise<Truth> {
  const fixture = fileURLToPath(new URL('fixtures/burning-server.js', import.meta.url));
  await using program = new Program([fixture]);
  const [, port] = await program.sees(/port (\d+)\n/);
  const sockets = await Promise.all(ASKED.map(() => open(Number(port))));
  for (let round = 0; round < ROUNDS; round++) {
    const answers = sockets.map((socket) => new Promise((resolve) => socket.once('data', resolve)));
    sockets.forEach((socket, client) => socket.write(`${client} ${ASKED[(client + round) % 3]}\n`));
    await Promise.all(answers);
  }
  program.child.stdin?.write('enough\n');
  const [, json = ''] = await program.sees(/recorded (.*)\n/);
  for (const socket of sockets) socket.destroy();
  return JSON.parse(json) as Truth; // what the fixture prints
}

/** Resolves once the server has said that the guest is seated. */
function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** What was measured is never shorter than the handler's code, and at most 5 % longer. Only work moves the clock. */
function nearly(pairs: readonly (readonly [measured: number, true_: number])[]): void {
  for (const [measured, true_] of pairs) {
    assert.ok(measured > true_ - 0.05 && measured <= true_ * 1.05, `${measured} ms, in truth ${true_} ms`);
  }
}

describe('slow motion against the truth', () => {
  let truth: Truth | undefined;

  const known = (): Truth => {
    assert.ok(truth !== undefined);
    return truth;
  };

  before(
    async () => {
      truth = await recordTruth();
    },
    { timeout: 20_000 },
  );
  after(() => {
    truth = undefined;
  });

  const worked = (stays: readonly Stay[]): readonly Stay[] =>
    stays.filter(({ ms, visit }) => ms > 2.9 && visit.from?.ball === 'read');

  test('each step is in the order in which the handler worked, and as long as it worked', () => {
    const { log, recording } = known();
    const history = historyOf(unpackRecording(recording));
    const stays = worked(history.stays);
    assert.equal(stays.length, log.length);
    assert.equal(log.length, ASKED.length * ROUNDS);
    const tableOf = new Map<number, number>();
    stays.forEach((stay, n) => {
      const { client, begin } = log[n] ?? { client: -1, begin: 0 };
      assert.ok(stay.visit.begin <= begin && stay.visit.begin > begin - 2, `step ${n} began at ${begin}`);
      assert.ok(stay.exact);
      // A client sits at one table all the time.
      if (tableOf.get(client) === undefined) tableOf.set(client, stay.table);
      assert.equal(stay.table, tableOf.get(client));
    });
    assert.equal(new Set(tableOf.values()).size, ASKED.length);
    nearly(stays.map(({ ms }, n) => [ms, log[n]?.ms ?? 0]));
  });

  test('the replay shows them one after the other, 50 times as slow', () => {
    const history = historyOf(unpackRecording(known().recording));
    const { ofStay } = timelineOf(history.stays, history.length, slowly(50));
    const shown = worked(history.stays).map(({ index }, n): [number, number] => {
      const { begin = 0, end = 0 } = ofStay[index] ?? {};
      return [(end - begin) / 50, Math.max(HOLD[50] / 50, known().log[n]?.ms ?? 0)];
    });
    nearly(shown);
  });

  test('who waited while another was served is hatched: it had called', () => {
    const history = historyOf(unpackRecording(known().recording));
    const [, second] = worked(history.stays);
    const first = worked(history.stays)[0] as Stay; // there are 36
    const hatched = history.tables[second?.table ?? -1]?.segments.filter(({ state, begin, end }) => {
      return state !== 'waits' && end > first.begin && begin < first.end + 0.5;
    });
    assert.ok((hatched?.length ?? 0) > 0, JSON.stringify(history.tables[second?.table ?? -1]?.segments.slice(0, 6)));
  });

  test('a sentence names the table, the time and the line', () => {
    const history = historyOf(unpackRecording(known().recording));
    const { ofStay } = timelineOf(history.stays, history.length, slowly(50));
    const stay = worked(history.stays)[4] as Stay; // there are 36
    const said = plain(sentenceOf(history, ofStay[stay.index] as (typeof ofStay)[number]).words);
    assert.match(said, /^Its guest has ordered.* The waiter stays at table \d+ for [\d.]+ ms, back to line \d+/);
  });

  test(
    'the page shows the same, step by step',
    async () => {
      const { recording, log } = known();
      const folder = mkdtempSync(join(tmpdir(), 'maitre-truth-'));
      try {
        const file = join(folder, 'truth.html');
        writeFileSync(
          file,
          recordingFile(recording, readFileSync(join(root, 'dist/console/page/recording.html'), 'utf8')),
        );
        await withPage(async (page, errors) => {
          await page.goto(`file://${file}`);
          await page.keyboard.press('Home');
          const shown: number[] = [];
          for (let step = 0; step < recording.visits.begin.length; step++) {
            const words = await page.getByTestId('sentence').innerText();
            const ms = Number(/ for ([\d.]+) ms/.exec(words)?.[1] ?? 0);
            if (ms > 2.9 && words.includes('Its guest has ordered')) shown.push(ms);
            await page.keyboard.press('ArrowRight');
            await page.evaluate('new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))');
          }
          assert.equal(shown.length, log.length);
          // The page prints two digits, and on a busy machine a step may take more than 10 ms.
          nearly(shown.map((ms, n) => [ms, (log[n]?.ms ?? 0) - (ms < 10 ? 0.05 : 0.5)]));
          assert.deepEqual(errors, []);
        });
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
    { skip: noBrowser, timeout: 60_000 },
  );
});
