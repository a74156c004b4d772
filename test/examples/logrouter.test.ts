import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFileSync, existsSync, readdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { type Connection, openConnection, timeout } from 'maitre';
import { temporaryFolder } from 'maitre/files';
import { endsWith, type Serving, startServing } from '../support/program.js';
import { test } from '../support/test.js';

/** Who reads what is routed. */
class Subscriber implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #lines: AsyncIterator<string>;

  private constructor(connection: Connection) {
    this.#connection = connection;
    this.#lines = connection.reader.lines();
  }

  /** Resolves once it is subscribed, with what it was told. */
  static async subscribe(port: number): Promise<[subscriber: Subscriber, greeting: string]> {
    const subscriber = new Subscriber(await openConnection({ host: '127.0.0.1', port }));
    return [subscriber, await subscriber.sees(/^router: connection \d+ .* subscribes/)];
  }

  /** The next line that matches. Nothing may come that must not. */
  async sees(wanted: RegExp, never?: RegExp): Promise<string> {
    return await timeout(15_000, async () => {
      for (;;) {
        const { value = '', done } = await this.#lines.next();
        assert.notEqual(done, true, `the server ended the connection, and ${wanted} did not come`);
        if (never !== undefined) assert.doesNotMatch(value, never);
        if (wanted.test(value)) return value;
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }
}

async function withRouter(fn: (router: Serving, path: (name: string) => string) => Promise<void>): Promise<void> {
  using folder = temporaryFolder();
  await using router = await startServing(['examples/logrouter.ts'], { env: { LOGROUTER: folder.path } });
  await fn(router, (name) => `${folder.path}/${name}`);
}

test('logrouter routes two logs, a program and arrivals to everybody, over a rotation, and filters after SIGHUP', async () => {
  await withRouter(async (router, path) => {
    const [ann, greeting] = await Subscriber.subscribe(router.port);
    await using _ann = ann;
    assert.match(greeting, new RegExp(`\`kill -HUP ${router.program.child.pid}\` reads ${path('filter')} again$`));
    const [bob] = await Subscriber.subscribe(router.port);
    await using _bob = bob;
    await ann.sees(/^router: connection 2 /);

    await ann.sees(/^oven: the oven has 18\d degrees$/); // the tails are open by now
    appendFileSync(path('kitchen.log'), 'soup is ready\nthe rest of this li');
    for (const each of [ann, bob]) await each.sees(/^kitchen: soup is ready$/);
    appendFileSync(path('kitchen.log'), 'ne comes later\n');
    await ann.sees(/^kitchen: the rest of this line comes later$/);

    appendFileSync(path('door.log'), 'Ada came in\n');
    renameSync(path('door.log'), path('door.log.1'));
    appendFileSync(path('door.log.1'), 'Ada took a table\n');
    writeFileSync(path('door.log'), 'Grace came in\n');
    for (const line of ['Ada came in', 'Ada took a table', 'Grace came in']) {
      for (const each of [ann, bob]) await each.sees(new RegExp(`^door: ${line}$`));
    }

    writeFileSync(path('filter'), 'soup\nbread\n');
    router.program.signal('SIGHUP');
    await ann.sees(/^router: only lines with: soup, bread$/);
    appendFileSync(path('kitchen.log'), 'rice\nbread\n');
    await ann.sees(/^kitchen: bread$/, /rice|oven/);
    unlinkSync(path('filter'));
    router.program.signal('SIGHUP');
    await ann.sees(/^router: everything passes$/);
    await ann.sees(/^oven: /);
    await ann.sees(/^router: 2 subscribers, \d+ lines, \d+ left out$/);
  });
});

test('a subscriber that does not read holds up nobody, has little kept for it, and is told what it missed', async () => {
  await withRouter(async (router, path) => {
    const slow = connect(router.port, '127.0.0.1');
    await once(slow, 'data');
    slow.pause();
    const [quick] = await Subscriber.subscribe(router.port);
    await using _ = quick;
    await quick.sees(/^oven: /);
    const line = `${'x'.repeat(900)}\n`;
    for (let i = 0; i < 40; i++) appendFileSync(path('kitchen.log'), line.repeat(1000)); // 36 MB
    appendFileSync(path('kitchen.log'), 'the last one\n');
    await quick.sees(/^kitchen: the last one$/);

    let text = '';
    slow.setEncoding('utf8').on('data', (more: string) => (text += more));
    slow.resume();
    await timeout(15_000, async () => {
      while (!text.includes('kitchen: the last one\n')) await once(slow, 'data');
    });
    const missed = [...text.matchAll(/^\* you missed (\d+) lines$/gm)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    );
    const got = [...text.matchAll(/^kitchen: x{900}$/gm)].length;
    assert.ok(Math.abs(missed + got - 40_000) < 100, `${missed} lines missed, ${got} received`); // of the oven, too
    // What it got waited for it: 200 lines, and what the writer and the kernels of both sides hold.
    assert.ok(got < 15_000, `${got} lines were kept`);
    slow.destroy();
  });
});

test('when the last subscriber leaves, and when it is ended, logrouter leaves no program behind', async () => {
  await withRouter(async (router, path) => {
    const programs = (): string[] => programsOf(path(''));
    {
      const [ann] = await Subscriber.subscribe(router.port);
      await using _ = ann;
      await ann.sees(/^oven: /);
      if (existsSync('/proc/self/environ')) assert.notDeepEqual(programs(), []);
    }
    await router.program.sees(/ done$/m);
    assert.deepEqual(programs(), []);
    const [bob] = await Subscriber.subscribe(router.port); // starts it again
    await using _ = bob;
    await bob.sees(/^oven: /);
    const { stdout, stderr } = await endsWith(router.program, 'SIGTERM', 0, 3000);
    assert.match(stdout, /^stopped: 1 finished, 0 cancelled, 0 aborted$/m);
    assert.equal(stderr, '');
    assert.deepEqual(programs(), []);
  });
});

/** The shells that run with a router's environment, on Linux. */
function programsOf(folder: string): string[] {
  const pids = existsSync('/proc/self/environ') ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : [];
  return pids.filter((pid) => {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return environment.includes(`LOGROUTER=${folder.replace(/\/$/, '')}\0`) && command.startsWith('sh\0');
    } catch {
      return false; // it has ended, or belongs to somebody else
    }
  });
}
