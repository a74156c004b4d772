// The requests that one loop answers, by method. What they ask of its thread is a snapshot; groups and
// clients are made of it elsewhere, so that the thread spends no time on them.
import { blocksSentence, endedSentence, plural, summaryOf, type BlockRow } from '../../introspect/index.ts';
import type { Questions } from '../crossing.ts';
import type { Methods } from '../protocol/index.ts';
import type { Loop } from './loop.ts';
import { answerOf } from './main-thread.ts';
import { RequestError } from './request-error.ts';
import type { Peek, RoomMethods } from './rooms/room.ts';
import type { ShownFiles } from './shown-files.ts';

/** How many blocks a peek shows. */
const PEEKED = 16;

type Asked = 'snapshot' | 'ended' | 'record' | 'recordings' | 'bill' | 'blocks' | 'cancel';

/** The requests of a loop. */
export type LoopHandlers = {
  readonly [M in Asked]: (params: Methods[M]['params']) => Promise<Methods[M]['result']>;
} & {
  readonly [M in keyof RoomMethods]: (params: RoomMethods[M]['params']) => Promise<RoomMethods[M]['result']>;
};

/** Returns what answers requests about a loop. @param threads looks at the other threads; undefined where that cannot be done */
export function loopHandlers(
  loop: Loop,
  files: ShownFiles,
  threads?: () => Promise<readonly BlockRow[]>,
): LoopHandlers {
  const { snapshots, recordings, watchdog, now } = loop;
  return {
    snapshot: async ({ rows }) => {
      const { snapshot, fresh } = await snapshots.take(rows);
      files.add(snapshot.places);
      return { sentence: summaryOf(snapshot, { block: fresh.block }), fresh, snapshot };
    },
    ended: async () => {
      const { answer, how } = await ask(loop, 'ended', {});
      return { sentence: endedSentence(answer), fresh: snapshots.fresh(how), ended: answer, now: now() };
    },
    record: async (params) => {
      const { sentence, recording } = await recordings.record(params);
      files.add(recording.places);
      return { sentence, fresh: snapshots.fresh('asked'), recording };
    },
    recordings: async () => {
      const { sentence, recordings: kept } = recordings.kept();
      return { sentence, fresh: snapshots.fresh('asked'), recordings: kept, now: now() };
    },
    bill: async ({ client, ms }) => {
      if (!Number.isInteger(client)) throw new RequestError('BAD_REQUEST', 'client must be the number of a client');
      if (ms !== undefined && !(ms > 0 && ms <= 60_000))
        throw new RequestError('BAD_REQUEST', 'ms must be a number of milliseconds up to 60000');
      const bill = await recordings.bill({ client, ...(ms !== undefined && { ms }) });
      return { ...bill, fresh: snapshots.fresh('asked') };
    },
    blocks: async ({ threads: wanted = false }) => {
      const own = watchdog.blocks.toReversed();
      const others = wanted && loop.main.obstacle === undefined ? ((await threads?.()) ?? []) : [];
      const blocks = [...own, ...others];
      files.add(blocks.map(({ place }) => place));
      const more =
        others.length === 0
          ? ''
          : ` ${plural(others.length, 'other thread runs', 'other threads run')} without a pause.`;
      return { sentence: blocksSentence(own, now()) + more, fresh: snapshots.fresh('asked'), blocks, now: now() };
    },
    cancel: async (params) => {
      if (!loop.settings.control) throw new RequestError('NOT_ALLOWED', 'the inspector was started without control');
      const { answer, how } = await ask(loop, 'cancel', params);
      snapshots.forget();
      return {
        sentence: answer === 'done' ? 'cancelled' : 'it has ended already',
        fresh: snapshots.fresh(how),
        outcome: answer,
      };
    },
    peek: async () => peekInto(loop),
    sample: async ({ fresh }) => ({ sample: await loop.sample(fresh) }),
    'look-away': async () => {
      loop.lookAway();
      return {};
    },
  };
}

function peekInto({ data, figures, watchdog: { blocks }, blockTotals }: Loop): Peek {
  return {
    clockOffset: data.clockOffset,
    pid: data.process.pid,
    rss: process.memoryUsage.rss(),
    ...(figures === undefined ? {} : { figures }),
    blocks: blocks.slice(-PEEKED).map((row, i, { length }) => (i === length - 1 ? row : { ...row, stack: [] })),
    kept: blocks.length,
    blockTotals,
  };
}

async function ask<Q extends keyof Questions>(
  { main, watchdog }: Loop,
  question: Q,
  params: Questions[Q]['params'],
): Promise<{ readonly answer: Questions[Q]['answer']; readonly how: 'asked' | 'interrupted' }> {
  const reply = await main.ask(question, params, question !== 'cancel' && watchdog.isBlocked);
  if (reply === undefined) {
    const later = question === 'cancel' ? 'it cancels when it goes on' : 'it cannot answer this now';
    throw new RequestError('NOT_AVAILABLE', `the process is blocked: ${later}`);
  }
  return { answer: answerOf<Q>(reply), how: reply.how };
}
