// A call to another machine, cancelled at every point, over a real Redis: nothing runs on, and nothing is left.
import assert from 'node:assert/strict';
import { sleep } from 'maitre';
import { BullExecutor, worker } from 'maitre/distributed';
import { exploreCancellation } from 'maitre/testing';
import { noRedis, RedisServer } from '../support/redis.js';
import { test } from '../support/test.js';
import { newPrefix } from './machines.js';

const redis = await RedisServer.shared();

/** Every function that a job has entered and not left, and what has ended well. */
function newKitchen() {
  const running = new Set<string>();
  const done: string[] = [];
  const functions = {
    async cook(dish: string): Promise<string> {
      running.add(dish);
      try {
        await sleep(20);
        done.push(dish);
        return dish;
      } finally {
        running.delete(dish);
      }
    },
    async *courses(menu: string): AsyncGenerator<string> {
      running.add(menu);
      try {
        for (const course of ['first', 'second', 'third']) {
          await sleep(5);
          yield `${menu} ${course}`;
        }
      } finally {
        running.delete(menu);
      }
    },
  };
  return { running, done, functions };
}
type Kitchen = ReturnType<typeof newKitchen>['functions'];
type Remote = ReturnType<typeof BullExecutor.prototype.module<Kitchen>>;

function explored(name: string, body: (kitchen: Remote, cook: number) => Promise<string>, cancels: 1 | 2): void {
  test(
    `${name} pass exploreCancellation, ${cancels === 1 ? 'one' : 'two'} cancelled: each ends as its caller knows, and no job runs on`,
    async () => {
      const points = await exploreCancellation(
        async (x) => {
          const { running, done, functions } = newKitchen();
          const prefix = newPrefix();
          await using _ = await worker({ redis: redis.url, prefix, modules: { kitchen: functions } });
          await using executor = new BullExecutor({ redis: redis.url, prefix });
          const kitchen = executor.module<Kitchen>('kitchen');
          const served: string[] = [];
          for (const cook of [1, 2]) x.task(`caller ${cook}`, async () => void served.push(await body(kitchen, cook)));
          await x.settled();
          assert.equal(running.size, 0, [...running].join());
          for (const dish of served) assert.ok(dish.startsWith('menu') || done.includes(dish), dish);
          const { queued, running: open } = executor.statistics();
          assert.deepEqual([queued, open], [0, 0]);
          assert.equal(await kitchen.cook('bread'), 'bread');
        },
        { cancels },
      );
      assert.ok(points >= 8, String(points));
    },
    { skip: noRedis, timeout: 100_000 },
  );
}

explored('calls', ({ cook }, n) => cook(`dish ${n}`), 1);
explored('calls', ({ cook }, n) => cook(`dish ${n}`), 2);
explored('calls with one key', ({ cook }, n) => cook.with({ key: 'dish' })(`dish ${n}`), 2);
explored(
  'streams',
  async ({ courses }, n) => {
    const all: string[] = [];
    for await (const course of courses(`menu ${n}`)) all.push(course);
    return all.join();
  },
  1,
);
