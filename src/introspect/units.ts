// Numbers for people, in the terminal, on the page and in `--json` alike.

/** `9,812`. */
export function countText(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** `1 client`, `9,812 clients`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}

/** At most three digits: `84`, `1.3`, `0.25`. */
function threeDigits(value: number): string {
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  const text = value.toFixed(digits);
  return digits === 0 ? text : text.replace(/\.?0+$/, '');
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Two units, the second left out if it is 0: `4 min 12 s`. */
function twoUnits(
  ms: number,
  [unit, name]: readonly [number, string],
  [small, smallName]: readonly [number, string],
): string {
  const parts = Math.round(ms / small);
  const perUnit = unit / small;
  const rest = parts % perUnit;
  const first = `${countText(Math.floor(parts / perUnit))} ${name}`;
  return rest === 0 ? first : `${first} ${rest} ${smallName}`;
}

/**
 * A duration: `84 µs`, `1.3 s`, `4 min 12 s`, `3 h`.
 * @param ms milliseconds
 */
export function durationText(ms: number): string {
  if (!(ms > 0)) return '0 s';
  if (ms < 0.9995) return `${threeDigits(Math.max(0.01, ms * 1000))} µs`;
  if (ms < 999.5) return `${threeDigits(ms)} ms`;
  if (ms < 59_950) return `${threeDigits(ms / 1000)} s`;
  if (ms < 10 * MINUTE) return twoUnits(ms, [MINUTE, 'min'], [1000, 's']);
  if (ms < HOUR - MINUTE / 2) return `${Math.round(ms / MINUTE)} min`;
  if (ms < 10 * HOUR) return twoUnits(ms, [HOUR, 'h'], [MINUTE, 'min']);
  if (ms < 2 * DAY) return `${Math.round(ms / HOUR)} h`;
  if (ms < 9.95 * DAY) return twoUnits(ms, [DAY, 'd'], [HOUR, 'h']);
  return `${countText(ms / DAY)} d`;
}

/** `2 s to 3 h`; one of them if both read the same. */
export function spanText(shortest: number, longest: number): string {
  const [from, to] = [durationText(shortest), durationText(longest)];
  return from === to ? to : `${from} to ${to}`;
}

/** `512 B`, `1.5 KiB`, `64 MiB`. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : threeDigits(value)} ${units[unit]}`;
}

/** `98 %`. */
export function percentText(share: number): string {
  return `${Math.round(share * 100)} %`;
}
