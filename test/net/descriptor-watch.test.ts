import assert from 'node:assert/strict';
import { DescriptorWatch, isOutOfDescriptors } from '#src/net/descriptor-watch.js';
import { test } from '../support/test.ts';

const emfile = Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
const enfile = Object.assign(new Error('ENFILE: file table overflow'), { code: 'ENFILE' });

test('DescriptorWatch tells once that descriptors ran out, and again after ten seconds with some left', () => {
  let now = 0;
  let out: NodeJS.ErrnoException | undefined;
  const watch = new DescriptorWatch(
    () => out,
    () => now,
  );
  const told: [number, string][] = [];
  using _ = watch.watch((message, error) => {
    assert.equal(error, out);
    told.push([now, message.replace(/ \(the limit is \d+\)/, '')]);
  });
  const lookUntil = (until: number): void => {
    for (; now < until; now += 1000) watch.look();
  };
  lookUntil(5000);
  out = emfile;
  lookUntil(20_000);
  out = undefined;
  lookUntil(27_000); // not long enough: it comes and goes
  out = emfile;
  lookUntil(30_000);
  out = undefined;
  lookUntil(45_000);
  out = enfile;
  lookUntil(50_000);
  assert.deepEqual(told, [
    [5000, 'the process has no file descriptor left: the system drops clients that connect now'],
    [45_000, 'the system has no file descriptor left: the system drops clients that connect now'],
  ]);
});

test('DescriptorWatch looks with clients at most ten times a second, and tells nobody who has stopped watching', () => {
  let now = 0;
  let looks = 0;
  const watch = new DescriptorWatch(
    () => {
      looks++;
      return undefined;
    },
    () => now,
  );
  let told = 0;
  const first = watch.watch(() => void told++);
  const second = watch.watch(() => void told++);
  for (; now < 1000; now++) watch.clientCame();
  assert.equal(looks, 10);
  first[Symbol.dispose]();
  watch.ranOut(emfile);
  watch.ranOut(emfile);
  assert.equal(told, 1);
  second[Symbol.dispose]();
  second[Symbol.dispose]();
});

test('isOutOfDescriptors knows the errors of a full process and a full system', () => {
  assert.ok(isOutOfDescriptors(emfile) && isOutOfDescriptors(enfile));
  assert.ok(!isOutOfDescriptors(Object.assign(new Error('x'), { code: 'ECONNABORTED' })));
});
