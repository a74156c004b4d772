// Several loops in words: which of them is blocked, overloaded or silent, and how the others are.
import { blockFacts } from './block-words.ts';
import type { RoomRow } from './rooms.ts';
import { loopTrouble } from './loop-words.ts';
import { countText, plural } from './units.ts';

/**
 * Clauses about the loops of rooms: `worker 3 is blocked for 2 s by client 3:7 in knead (dough.ts:12)`,
 * `the other 3 keep up`.
 */
export function roomsWords(rooms: readonly RoomRow[]): string[] {
  const isBlocked = ({ block }: RoomRow): boolean => block?.over === false;
  const worstFirst = rooms.toSorted((a, b) => Number(isBlocked(b)) - Number(isBlocked(a)));
  const troubles = worstFirst.flatMap((room) => {
    const words = roomWords(room);
    return words === undefined ? [] : [`worker ${room.room} ${words}`];
  });
  const others = rooms.length - troubles.length;
  const measured = rooms.some(({ loop }) => loop.busy !== null || loop.lag !== null);
  return others === 0 || !measured ? troubles : [...troubles, fineWords(others, troubles.length)];
}

function roomWords({ block, why, loop }: RoomRow): string | undefined {
  if (block !== undefined && !block.over) {
    const { waiting } = block;
    const meanwhile =
      waiting === null || waiting === 0
        ? ''
        : `, while ${plural(waiting, 'client waits', 'clients wait')} with unread bytes`;
    return `is blocked for ${blockFacts(block)}${meanwhile}`;
  }
  return why ?? loopTrouble(loop);
}

function fineWords(fine: number, troubled: number): string {
  if (troubled > 0) return fine === 1 ? 'the other worker keeps up' : `the other ${countText(fine)} workers keep up`;
  if (fine === 1) return 'the worker keeps up';
  return fine === 2 ? 'both workers keep up' : `all ${countText(fine)} workers keep up`;
}
