// What the page shows as text. Names may be what a client has sent: a change of direction in one
// would turn around the words beside it, and two that differ in what nobody sees would look the
// same. So all text is escaped where it becomes text, as in a terminal, and no view has to know
// whose words it shows.
import { options } from 'preact';
import { escapeControl } from '../../base/index.ts';

/** The attributes that are read, or read aloud. */
const SHOWN = ['title', 'aria-label'];

/** Returns a text as it is shown: escaped, but for tabs and newlines, which code has. */
export function shownText(text: string): string {
  return /[\t\n]/.test(text) ? text.replace(/[^\t\n]+/g, escapeControl) : escapeControl(text);
}

/** Escapes all text that is rendered from now on. Call it before the first `render`. */
export function escapeAllText(): void {
  const next = options.vnode?.bind(options);
  options.vnode = (vnode) => {
    escapeText(vnode);
    next?.(vnode);
  };
}

/** The node of a text has no type, and its props are the text, which the types of preact leave out. */
function escapeText(vnode: { readonly type: unknown; props: unknown }): void {
  if (typeof vnode.props === 'string') vnode.props = shownText(vnode.props);
  if (typeof vnode.type !== 'string') return;
  const props = vnode.props as Record<string, unknown>; // those of an element
  for (const name of SHOWN) {
    const value = props[name];
    if (typeof value === 'string') props[name] = shownText(value);
  }
}
