// What `maitre top` shows and how keys change it. No input or output: the command reads the keys and
// asks the process, the tests press keys without a terminal.
//
// States: LISTING, and EDITING while a filter is typed. Keys of EDITING are letters of the filter
// until Enter takes it or Escape drops it.

/** The orders of clients, in the order in which `s` goes through them. */
export const SORTS = ['longest', 'bytes', 'unsent', 'id'] as const;
export type Sort = (typeof SORTS)[number];

export interface TopState {
  readonly view: 'clients' | 'groups';
  readonly sort: Sort;
  /** Only clients whose peer, name or wait contains this; empty for all. */
  readonly filter: string;
  /** The filter that is being typed; undefined in LISTING. */
  readonly draft: string | undefined;
  /** Rows that are scrolled past. */
  readonly offset: number;
  readonly paused: boolean;
}

export const START: TopState = {
  view: 'clients',
  sort: 'longest',
  filter: '',
  draft: undefined,
  offset: 0,
  paused: false,
};

/** A filter's most letters. */
const LONGEST_FILTER = 60;

/** What a key does. `page` is the number of rows on the screen, `total` of all that there are. */
export function press(state: TopState, key: string, page: number, total: number): TopState | 'quit' {
  if (key === 'ctrl-c') return 'quit';
  if (state.draft !== undefined) return edit(state, state.draft, key);
  const scrolled = (offset: number): TopState => ({
    ...state,
    offset: Math.max(0, Math.min(offset, total - page)),
  });
  switch (key) {
    case 'q':
      return 'quit';
    case 's':
      return { ...state, sort: SORTS[(SORTS.indexOf(state.sort) + 1) % SORTS.length] ?? 'longest', offset: 0 };
    case '/':
      return { ...state, draft: state.filter, view: 'clients' };
    case 'escape':
      return { ...state, filter: '', offset: 0 };
    case 'g':
    case 'tab':
      return { ...state, view: state.view === 'clients' ? 'groups' : 'clients', offset: 0 };
    case ' ':
    case 'p':
      return { ...state, paused: !state.paused };
    case 'down':
    case 'j':
      return scrolled(state.offset + 1);
    case 'up':
    case 'k':
      return scrolled(state.offset - 1);
    case 'pagedown':
      return scrolled(state.offset + page);
    case 'pageup':
      return scrolled(state.offset - page);
    case 'home':
      return scrolled(0);
    case 'end':
      return scrolled(total);
    default:
      return state;
  }
}

function edit(state: TopState, draft: string, key: string): TopState {
  switch (key) {
    case 'enter':
      return { ...state, filter: draft, draft: undefined, offset: 0 };
    case 'escape':
      return { ...state, draft: undefined };
    case 'backspace':
      return { ...state, draft: draft.replace(/[^]$/u, '') };
    default:
      return /^[^]$/u.test(key) && draft.length < LONGEST_FILTER ? { ...state, draft: draft + key } : state;
  }
}
