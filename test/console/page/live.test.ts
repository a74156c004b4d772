import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { CARD_STAYS } from '#page/console/page/block-watch.js';
import { Live } from '#page/console/page/live.js';
import type { BlockRow, Frame, RoomRow } from '#src/inspect/protocol/index.js';
import { idIn } from '#src/introspect/index.js';
import { SCENARIOS } from '../../support/simulated-loop.js';
import { SimulatedProcess } from '../../support/simulated-process.js';
import { test } from '../../support/test.js';

describe('Live', () => {
  test('has after every frame the tables that the process has, as it has them', () => {
    const process = new SimulatedProcess({ ...SCENARIOS[120], arrive: 100 });
    process.loop.advance(5000);
    const [live, next] = [new Live(), process.frames()];
    for (let i = 0; i < 900; i++) {
      live.apply(next(), i * 100);
      const { tables } = process.loop;
      assert.equal(live.tables.length, tables.length);
      for (const [index, table] of live.tables.entries()) assert.equal(table.index, index);
      for (const { id, ball, since, visits } of tables) {
        const seen = live.byId.get(id);
        assert.deepEqual([seen?.ball, seen?.since, seen?.visits], [ball, Math.floor(since), visits]);
      }
      process.loop.advance(100);
    }
    assert.ok(process.loop.ended.length > 5, 'some have come and gone');
  });

  test('keeps seats while others come and go, and over a new start of the stream', () => {
    const process = new SimulatedProcess({ ...SCENARIOS[120], arrive: 100 });
    const live = new Live();
    const seats = new Map<number, number>();
    for (let start = 0; start < 3; start++) {
      const next = process.frames();
      for (let i = 0; i < 100; i++) {
        process.loop.advance(100);
        live.apply(next(), i * 100);
        const taken = new Set<number>();
        for (const { id, seat } of live.tables) {
          assert.equal(seats.get(id) ?? seat, seat, `table ${id}`);
          seats.set(id, seat);
          taken.add(seat);
        }
        assert.equal(taken.size, live.tables.length);
      }
    }
  });

  test('frees the seats of those who left while it did not look', () => {
    const process = new SimulatedProcess({ ...SCENARIOS[120], arrive: 100 });
    const live = new Live();
    for (let start = 0; start < 4; start++) {
      live.apply(process.frames()(), start);
      process.loop.advance(60_000);
    }
    assert.ok(process.loop.ended.length > 5, 'some have come and gone');
    assert.equal(live.seatsIn(0), 120);
  });

  test('remembers a wait that has ended, and says where several lie between two frames', () => {
    const live = new Live();
    live.apply(frame({ now: 1000, full: true, rows: [{ since: 900, ball: 0, visits: 0 }] }), 0);
    live.apply(frame({ now: 1100, rows: [{ since: 1050, ball: 2, visits: 1 }] }), 100);
    live.apply(frame({ now: 1200, rows: [{ since: 1190, ball: 0, visits: 6 }] }), 200);
    assert.deepEqual(live.byId.get(1)?.past, [
      { ball: 0, from: 900, to: 1050, place: 3, visits: 1 },
      { ball: 2, from: 1050, to: 1100, place: 3, visits: 1 },
      { ball: -1, mostly: 2, from: 1100, to: 1190, place: -1, visits: 4 },
    ]);
  });

  test('its clock runs on after a frame, but not for long: what is not known stands', () => {
    const live = new Live();
    live.apply(frame({ now: 5000, full: true }), 1000);
    assert.equal(live.now(1080), 5080);
    assert.equal(live.now(9000), 5300);
    assert.equal(live.age(9000), 8000);
  });

  test('the room stands while a block lasts, and its card stays for a while after the end', () => {
    const live = new Live();
    live.apply(frame({ now: 5000, full: true }), 1000);
    live.apply(frame({ now: 5100, block: block({ since: 5040, ms: 60 }) }), 1100);
    live.apply(frame({ now: 5200, block: block({ since: 5040, ms: 160 }) }), 1200);
    assert.equal(live.blocked, true);
    assert.equal(live.roomNow(1200), 5040);
    assert.equal(live.now(1200), 5200);
    live.apply(frame({ now: 5300, block: block({ since: 5040, ms: 240, over: true, waiting: 3 }) }), 1300);
    assert.equal(live.blocked, false);
    assert.equal(live.roomNow(1300), 5300);
    live.forgetBlock(1300 + CARD_STAYS);
    assert.equal(live.block?.waiting, 3);
    live.forgetBlock(1301 + CARD_STAYS);
    assert.equal(live.block, null);
  });

  test('a block whose end it missed is over with the next frame that has none', () => {
    const live = new Live();
    live.apply(frame({ now: 5100, full: true, block: block({ since: 5040, ms: 60 }) }), 1100);
    live.apply(frame({ now: 5900 }), 1900);
    assert.equal(live.blocked, false);
    assert.equal(live.block?.over, true);
  });

  test('a block that was over long before it looked is not shown', () => {
    const live = new Live();
    live.apply(frame({ now: 50_000, full: true, block: block({ since: 5040, ms: 60, over: true }) }), 1100);
    assert.equal(live.block, null);
  });

  test('finds the table of a block by its task, and else by its peer', () => {
    const live = new Live();
    live.apply(frame({ now: 1000, full: true, rows: [{ since: 900, ball: 0, visits: 0 }] }), 0);
    assert.equal(live.tableOf(block({ task: 11, peer: null }))?.id, 1);
    assert.equal(live.tableOf(block({ task: null, peer: 'peer 1' }))?.id, 1);
    assert.equal(live.tableOf(block({ task: 99, peer: null })), undefined);
  });

  test('each worker has a room: its own seats and visits, and its own clock that stands during its block', () => {
    const live = new Live();
    const ids = [idIn(1, 1), idIn(1, 2), idIn(2, 1)];
    const seated = ids.map((id) => ({ id, task: id, name: '', peer: `peer ${id}`, openedAt: 0 }));
    const rooms = [room(1), room(2)];
    live.apply({ ...frame({ now: 5000, full: true }), seated, rooms }, 1000);
    assert.deepEqual(
      [1, 2].map((number) => live.tablesIn(number).map(({ seat }) => seat)),
      [[0, 1], [0]],
    );
    assert.deepEqual([live.seatsIn(1), live.seatsIn(2)], [2, 1]);
    const held = block({ since: 5040, ms: 60, room: 2, task: ids[2] ?? 0 });
    const shown = ids.map((table) => ({ table, begin: 5050, us: 1, from: -1, to: -1 }));
    live.apply(
      {
        ...frame({ now: 5100, block: held }),
        rooms: [room(1), { ...room(2), block: held }],
        visits: { total: 3, shown, tables: ids },
      },
      1100,
    );
    assert.deepEqual([live.roomNow(1100, 1), live.roomNow(1100, 2), live.roomNow(1100)], [5100, 5040, 5100]);
    assert.deepEqual([live.blockIn(1), live.blockIn(2)?.id], [null, held.id]);
    assert.equal(live.takeShown(1).length, 2);
    assert.equal(live.takeShown(2).length, 1);
    assert.equal(live.takeShown(1).length, 0);
    live.apply({ ...frame({ now: 5200 }), rooms: [room(2)], left: ids.slice(0, 2) }, 1200);
    assert.deepEqual([live.tablesIn(1).length, live.tablesIn(2).length], [0, 1]);
    assert.equal(live.roomNow(1200, 2), 5200);
  });

  test('a table whose handler begins later gets its task', () => {
    const live = new Live();
    const news = { id: 1, task: null, name: '', peer: 'peer 1', openedAt: 0 };
    live.apply({ ...frame({ now: 1000, full: true, rows: [{ since: 900, ball: 0, visits: 0 }] }), seated: [news] }, 0);
    assert.equal(live.byTask(42), undefined);
    live.apply({ ...frame({ now: 1100 }), seated: [{ ...news, task: 42 }] }, 100);
    assert.equal(live.byTask(42)?.id, 1);
    assert.equal(live.tables.length, 1);
  });

  test('takes a name that the program gives, and not one that the library makes', () => {
    const live = new Live();
    const news = { id: 1, task: 7, name: 'connection#1', peer: 'peer 1', openedAt: 0 };
    live.apply({ ...frame({ now: 1000, full: true }), seated: [news] }, 0);
    assert.equal(live.byId.get(1)?.name, '');
    live.apply({ ...frame({ now: 1100 }), seated: [{ ...news, name: 'Ada' }] }, 100);
    assert.equal(live.byId.get(1)?.name, 'Ada');
  });

  test('keeps five minutes of the charts', () => {
    const live = new Live();
    const point = {
      busy: 0,
      lag50: 0,
      lag99: 0,
      connections: 1,
      reads: 0,
      bytesIn: 0,
      bytesOut: 0,
      visits: 0,
      longestBlock: 0,
    };
    for (let at = 0; at < 400; at++) {
      live.apply({ ...frame({ now: at * 1000, full: at === 0 }), strip: [{ at: at * 1000, ...point }] }, at);
    }
    assert.equal(live.strip.length, 300);
    assert.equal(live.strip.at(-1)?.at, 399_000);
  });
});

interface Row {
  readonly since: number;
  readonly ball: number;
  readonly visits: number;
}

/** A frame of a process with one table. */
function frame({
  now,
  full = false,
  rows = [],
  block: held = null,
}: {
  readonly now: number;
  readonly full?: boolean;
  readonly rows?: readonly Row[];
  readonly block?: BlockRow | null;
}): Frame {
  return {
    seq: 0,
    now,
    dropped: 0,
    fresh: { how: 'asked', age: 0 },
    sentence: '',
    full,
    of: 'clients',
    total: 1,
    tables: {
      id: rows.map(() => 1),
      ball: rows.map(({ ball }) => ball),
      since: rows.map(({ since }) => since),
      place: rows.map(() => 3),
      resource: rows.map(() => -1),
      unsent: rows.map(() => 0),
      visits: rows.map(({ visits }) => visits),
      ran: rows.map(() => 0),
      flags: rows.map(() => 0),
    },
    seated: full ? [{ id: 1, task: 11, name: '', peer: 'peer 1', openedAt: 0 }] : [],
    left: [],
    places: [],
    resources: [],
    counts: { balls: [0, 0, 0, 0, 0, 0], ages: [], longest: [], places: [] },
    visits: { total: 0, shown: [], tables: [] },
    kitchens: [],
    outside: [],
    block: held,
    strip: [],
    numbers: { tasks: 1, blocks: 0, warnings: 0, ended: 0 },
  };
}

function room(number: number): RoomRow {
  const loop = { busy: 0.1, lag: null };
  return { room: number, place: number, kind: 'thread', pid: 1, loop, clients: 2, tasks: 2 };
}

function block(rest: Partial<BlockRow>): BlockRow {
  return {
    id: 1,
    since: 0,
    ms: 0,
    over: false,
    thread: 0,
    task: 11,
    name: 'handler 1',
    peer: 'peer 1',
    place: null,
    stack: [],
    waiting: null,
    ...rest,
  };
}
