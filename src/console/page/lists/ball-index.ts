// The index of each kind, for records that name it.
import type { Ball } from '../../../inspect/protocol/index.ts';
import { KINDS } from '../kinds.ts';

export const BALL_INDEX: Readonly<Record<Ball, number>> = Object.fromEntries(
  KINDS.map(({ id }, index) => [id, index]),
) as Record<Ball, number>; // KINDS has them all
