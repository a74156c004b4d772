// Numbers as people read them: those of introspect, as in the terminal, and what only a page needs. All of it is for
// text nodes: nothing here is markup.
import { countText, durationText, idText, roomOf } from '../../inspect/protocol/index.ts';

export {
  bytesText as bytes,
  countText as count,
  durationText as duration,
  plural as counted,
} from '../../inspect/protocol/index.ts';

/** A duration in one number and unit, for the foot of a small table: `8.8 s`, `3 min`. */
export function shortDuration(ms: number): string {
  return durationText(ms).replace(/ (min|h|d) .*$/, ' $1');
}

/** A share of 1 in percent: `0.4`, `67`, `99.6`. */
export function percent(share: number): string {
  const value = share * 100;
  if (value > 99 && value < 100) return Math.min(99.9, value).toFixed(1);
  return value > 0 && value < 9.95 ? value.toFixed(1) : String(Math.round(value));
}

/** The time of day of a moment in milliseconds since 1970: `14:07:01`, with `ms` `14:07:01.335`. */
export function timeOfDay(epochMs: number, { ms = false }: { readonly ms?: boolean } = {}): string {
  const date = new Date(epochMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  const text = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return ms ? `${text}.${String(date.getMilliseconds()).padStart(3, '0')}` : text;
}

/** The smallest of 1, 2, 5, 10, 20 … that is not below: the top of a chart. */
export function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value > 0 ? value : 1));
  for (const step of [1, 2, 5]) if (value <= step * power) return step * power;
  return 10 * power;
}

/** `1,234`, or `3:7` in a worker. */
export function tableNumber(id: number): string {
  return roomOf(id) === 0 ? countText(id) : idText(id);
}
