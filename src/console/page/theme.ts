// The colours of the page, once, for style sheet and canvas alike. They become custom properties of the root element
// when the page starts and when the theme changes; the canvas reads them here.
//
// The kinds were searched for the largest smallest distance under the three colour blindnesses; test/console/page/theme
// holds their contrast. Red is only for what the loop cannot leave.
import type { Ball } from '../../inspect/protocol/index.ts';

export type ThemeName = 'light' | 'dark';

export interface Theme {
  readonly name: ThemeName;
  /** Street; room and panel; cards and tickets; kitchen and hover. */
  readonly bg: string;
  readonly surface: string;
  readonly raised: string;
  readonly sunk: string;
  readonly line: string;
  readonly line2: string;
  readonly wall: string;
  readonly ink: string;
  readonly ink2: string;
  readonly ink3: string;
  readonly block: string;
  readonly blockbg: string;
  readonly shadow: string;
  readonly kinds: Readonly<Record<Ball, string>>;
}

export const LIGHT: Theme = {
  name: 'light',
  bg: '#f5f3ee',
  surface: '#fdfcf9',
  raised: '#ffffff',
  sunk: '#efece5',
  line: '#e3dfd6',
  line2: '#cfcabf',
  wall: '#b9b3a6',
  ink: '#1e2126',
  ink2: '#555a62',
  ink3: '#646971',
  block: '#c3232f',
  blockbg: '#fbeceb',
  shadow: '0 1px 2px rgb(40 34 20 / 7%), 0 8px 24px rgb(40 34 20 / 9%)',
  kinds: {
    read: '#285c9e',
    drain: '#1c947a',
    kitchen: '#be6d2c',
    other: '#5d1e65',
    clock: '#67665d',
    unseen: '#555a62',
  },
};

export const DARK: Theme = {
  name: 'dark',
  bg: '#131518',
  surface: '#1a1d21',
  raised: '#21252a',
  sunk: '#0f1113',
  line: '#2c3036',
  line2: '#41464e',
  wall: '#4b515a',
  ink: '#e9e7e2',
  ink2: '#a8abb1',
  ink3: '#868b93',
  block: '#f0524b',
  blockbg: '#33191a',
  shadow: '0 1px 2px rgb(0 0 0 / 40%), 0 8px 28px rgb(0 0 0 / 45%)',
  kinds: {
    read: '#69b1ef',
    drain: '#78e6cf',
    kitchen: '#fdba50',
    other: '#a873db',
    clock: '#afaa96',
    unseen: '#a8abb1',
  },
};

export const SANS = "ui-sans-serif, -apple-system, 'Segoe UI', Inter, Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif";
export const MONO =
  "ui-monospace, 'SF Mono', 'Cascadia Mono', 'JetBrains Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace";

/** Gives an element and what is in it the colours of a theme. */
export function applyTheme(theme: Theme, root: HTMLElement): void {
  const { name, kinds, ...tokens } = theme;
  root.dataset['theme'] = name;
  root.style.colorScheme = name;
  for (const [token, value] of Object.entries({ ...tokens, ...kinds, sans: SANS, mono: MONO })) {
    root.style.setProperty(`--${token}`, value);
  }
}

const THEME_KEY = 'maitre-theme';

/** The theme that was chosen here before; undefined if none was, or if the browser keeps nothing. */
export function rememberedTheme(): ThemeName | undefined {
  try {
    const name = localStorage.getItem(THEME_KEY);
    return name === 'light' || name === 'dark' ? name : undefined;
  } catch {
    return undefined;
  }
}

/** Remembers what was chosen, where the browser lets a page keep something. */
export function rememberTheme(name: ThemeName): void {
  try {
    localStorage.setItem(THEME_KEY, name);
  } catch {
    // It is chosen anew next time.
  }
}

const cache = new Map<string, string>();

/** A colour with an opacity from 0 to 1. Remembered: a frame asks for the same ones again and again. */
export function alpha(hex: string, opacity: number): string {
  const key = `${hex}${opacity}`;
  let value = cache.get(key);
  if (value === undefined) {
    const [r, g, b] = channels(hex);
    remember(key, (value = `rgb(${r} ${g} ${b} / ${opacity})`));
  }
  return value;
}

/** The colour that is `share` of the way from one to the other. */
export function mix(from: string, to: string, share: number): string {
  const key = `${from}${to}${share}`;
  let value = cache.get(key);
  if (value === undefined) {
    const a = channels(from);
    const b = channels(to);
    const at = (i: 0 | 1 | 2): number => Math.round(a[i] * (1 - share) + b[i] * share);
    remember(key, (value = `#${[at(0), at(1), at(2)].map((v) => v.toString(16).padStart(2, '0')).join('')}`));
  }
  return value;
}

function channels(hex: string): readonly [number, number, number] {
  const value = Number.parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

function remember(key: string, value: string): void {
  // Shades are few; opacities that run through many values are rounded by their callers.
  if (cache.size > 2000) cache.clear();
  cache.set(key, value);
}
