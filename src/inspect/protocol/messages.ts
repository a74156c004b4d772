// What passes over the control socket and to the page: newline-delimited JSON, one message a line.
//
//   viewer  -> {"id":1,"method":"snapshot","params":{}}
//   process -> {"id":1,"result":{...}}           or {"id":1,"error":{"code":"...","message":"..."}}
//   process -> {"subscription":7,"frame":{...}}  for each frame, until unsubscribe or the end
//
// Ids are those of the loop of the program. Of a worker, which is a room with a loop of its own, an id
// is its number times 2 ** 40 more; people see `3:7`, and times are on the clock of the program.
//
// Every result begins with `sentence`, the answer in words. Terminal, page and --json show this
// very text.
import type {
  BlockRow,
  ClientRow,
  Cycle,
  EndedRow,
  FrozenRing,
  Group,
  KitchenRow,
  LoopRow,
  OutsideRow,
  Place,
  ProcessRow,
  PackedRecording,
  Bill,
  ResourceRow,
  RoomRow,
  ShownVisit,
  Snapshot,
  TableNews,
  WarningRow,
} from '../../introspect/index.ts';

/** The version of the protocol. A change that old viewers cannot read increases it. */
export const PROTOCOL = 1;

/** How fresh an answer is. */
export interface Freshness {
  /**
   * `asked`: the main thread answered. `interrupted`: it was blocked, and answered from within the
   * blocked code. `stale`: it did neither, this is from `age` milliseconds ago, and `why` says why.
   */
  readonly how: 'asked' | 'interrupted' | 'stale';
  readonly age: number;
  /** Why a stale answer is stale: `the main thread does not answer: native code runs in it`. */
  readonly why?: string;
  /** The milliseconds that the main thread spent on it. Undefined: it was not asked for this. */
  readonly cost?: number;
  /** The block during which the answer was taken. */
  readonly block?: BlockRow;
}

interface Answer {
  /** The answer in words. */
  readonly sentence: string;
  readonly fresh: Freshness;
}

/** All methods: their parameters and results. */
export interface Methods {
  hello: {
    params: { readonly protocol?: number };
    result: {
      readonly protocol: number;
      readonly version: string;
      readonly process: ProcessRow;
      /** Where its servers listen: `127.0.0.1:8002`, `/tmp/soup.sock`. Undefined: not known. */
      readonly addresses?: readonly string[];
      /** Whether `cancel` is allowed. */
      readonly control: boolean;
      /** Whether the recorder runs. */
      readonly record: boolean;
      /** The workers of a program that has some: each is a room with a loop of its own. */
      readonly rooms?: readonly RoomRow[];
      /** The loop's time. */
      readonly now: number;
    };
  };
  snapshot: {
    params: { readonly rows?: number };
    result: Answer & { readonly snapshot: Snapshot; readonly rooms?: readonly RoomRow[] };
  };
  groups: {
    params: Record<string, never>;
    result: Answer & {
      readonly process: ProcessRow;
      readonly loop: LoopRow;
      readonly tasks: number;
      readonly clients: number;
      readonly groups: readonly Group[];
      readonly outside: readonly OutsideRow[];
      readonly cycles: readonly Cycle[];
      readonly warnings: readonly WarningRow[];
      readonly places: readonly Place[];
      readonly rooms?: readonly RoomRow[];
    };
  };
  connections: {
    params: {
      readonly sort?: 'longest' | 'id' | 'bytes' | 'unsent';
      readonly filter?: string;
      readonly limit?: number;
    };
    result: Answer & {
      readonly total: number;
      readonly connections: readonly ClientRow[];
      readonly places: readonly Place[];
      readonly now: number;
      readonly rooms?: readonly RoomRow[];
    };
  };
  blocks: {
    /** `threads`: whether the other threads are looked at too, which interrupts them. Node only. */
    params: { readonly threads?: boolean };
    result: Answer & { readonly blocks: readonly BlockRow[]; readonly now: number };
  };
  ended: {
    params: Record<string, never>;
    result: Answer & { readonly ended: readonly EndedRow[]; readonly now: number };
  };
  warnings: {
    params: Record<string, never>;
    result: Answer & { readonly warnings: readonly WarningRow[]; readonly now: number };
  };
  /** `ms`: where the recorder does not run, for how long it then records first, at full detail. */
  bill: { params: { readonly client: number; readonly ms?: number }; result: Answer & { readonly bill: Bill } };
  /**
   * `ms`: records from now on, at full detail. `last`: what the ring still has of the past.
   * `frozen`: the copy of the ring that was kept when something happened, by its id.
   */
  record: {
    params: {
      readonly ms?: number;
      readonly last?: number;
      readonly frozen?: number;
      /** The room that is recorded. Default: the one with the most clients. */
      readonly room?: number;
    };
    result: Answer & { readonly recording: PackedRecording };
  };
  /** The copies of the ring that were kept because something happened. */
  recordings: {
    params: Record<string, never>;
    result: Answer & { readonly recordings: readonly FrozenRing[]; readonly now: number };
  };
  cancel: {
    params: { readonly client?: number; readonly task?: number };
    result: Answer & { readonly outcome: 'done' | 'ended' };
  };
  /** The address of the page, with a token that is good for one visitor. NOT_AVAILABLE: it has none. */
  page: { params: Record<string, never>; result: { readonly sentence: string; readonly address: string } };
  /** Lines of a file that is the file of a place. */
  source: {
    params: { readonly file: string; readonly from: number; readonly to: number };
    result: { readonly lines: readonly (readonly [line: number, text: string])[] };
  };
  subscribe: {
    /** Frames a second, at most 10, and the tables of interest: all, unless the page shows a part. */
    params: { readonly rate?: number; readonly tables?: readonly number[] };
    result: { readonly subscription: number };
  };
  /** Changes a subscription. What is left out stays as it is; `tables: null` is all of them again. */
  resubscribe: {
    params: { readonly subscription: number; readonly rate?: number; readonly tables?: readonly number[] | null };
    result: Record<string, never>;
  };
  unsubscribe: { params: { readonly subscription: number }; result: Record<string, never> };
}

export type Method = keyof Methods;

/** The reasons for which a request fails. */
export type RequestErrorCode = 'BAD_REQUEST' | 'UNKNOWN_METHOD' | 'NOT_FOUND' | 'NOT_ALLOWED' | 'NOT_AVAILABLE';

export interface Request<M extends Method = Method> {
  readonly id: number;
  readonly method: M;
  readonly params?: Methods[M]['params'];
}

export type Response<M extends Method = Method> =
  | { readonly id: number; readonly result: Methods[M]['result'] }
  /** `id` is null if the request was not readable. */
  | { readonly id: number | null; readonly error: { readonly code: RequestErrorCode; readonly message: string } };

/** The tables that changed, a column for each field, so that a frame stays small. */
export interface TableColumns {
  readonly id: readonly number[];
  /** An index into BALLS. */
  readonly ball: readonly number[];
  /** When its wait began; 0 if it has none. */
  readonly since: readonly number[];
  /** An index into the places of the subscription; -1 for unknown. */
  readonly place: readonly number[];
  /** An index into the resources of the subscription; -1 for none. */
  readonly resource: readonly number[];
  readonly unsent: readonly number[];
  /** Visits since somebody began to look. */
  readonly visits: readonly number[];
  /** Microseconds of its own code, of the visits that were timed. */
  readonly ran: readonly number[];
  /** PARKED, IN_LINE, CANCELLING. */
  readonly flags: readonly number[];
}

/** One point of the charts, once a second. */
export interface StripPoint {
  readonly at: number;
  readonly busy: number | null;
  readonly lag50: number | null;
  readonly lag99: number | null;
  readonly connections: number;
  /** Null while nobody looks: they are counted only then. So are visits. */
  readonly reads: number | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly visits: number | null;
  readonly longestBlock: number;
}

/**
 * A frame as it is sent, so that it stays small: `completed` makes the whole frame of it and of the
 * one before. What is absent of the state (`fresh`, `sentence`, `of`, `total`, `kitchens`,
 * `outside`, `block`, `cost`, `numbers`, `dropped`, and each member of `counts`) is as before; what
 * is absent of the news is empty, or false.
 */
export type SentFrame = Partial<Omit<Frame, 'seq' | 'now' | 'tables' | 'counts' | 'visits'>> &
  Pick<Frame, 'seq' | 'now'> & {
    readonly tables?: SentColumns;
    readonly counts?: Partial<Frame['counts']>;
    readonly visits?: Omit<Frame['visits'], 'tables'> & { readonly tables: SentNumbers };
  };

/** Numbers. A pair stands for a run of equal ones: the number, and how many they are. */
export type SentNumbers = readonly (number | readonly [number: number, count: number])[];

/**
 * `id`, `since` and `visits`, like the ids of `visits.tables`, are sent as differences: each less
 * the one before it. An absent column is -1 for each table in `resource`, and 0 in the others.
 */
export type SentColumns = { readonly id: SentNumbers } & {
  readonly [C in Exclude<keyof TableColumns, 'id'>]?: SentNumbers;
};

/** What a subscriber receives, at most 10 times a second. */
export interface Frame {
  readonly seq: number;
  readonly now: number;
  /** Frames that this viewer missed because it was too slow. */
  readonly dropped: number;
  readonly fresh: Freshness;
  readonly sentence: string;
  /** True if `tables` has all tables and what the viewer knew is void: the first frame. */
  readonly full: boolean;
  /** Whether a table is a client or a task. */
  readonly of: 'clients' | 'tasks';
  readonly total: number;
  readonly tables: TableColumns;
  /**
   * How many tables changed and are not among `tables`, because too many did. Undefined for none.
   * Above 400 changes in a frame, only the tables of interest are sent, 4 times a second. A later
   * frame has the others, once fewer change.
   */
  readonly omitted?: number;
  /** The tables that are new. A table whose handler begins only now is sent again, with its task. */
  readonly seated: readonly TableNews[];
  /** The ids of the tables that are gone. */
  readonly left: readonly number[];
  /** Places and resources that are new, in the order of their indices. */
  readonly places: readonly Place[];
  readonly resources: readonly Pick<ResourceRow, 'key' | 'kind' | 'label'>[];
  /** Who holds what tables wait to acquire now: an index, and words such as `client 7`. */
  readonly holders?: readonly (readonly [resource: number, by: string])[];
  readonly counts: {
    readonly balls: readonly number[];
    /** For each ball, the tables that wait less than 0.1 s, 1 s, 10 s, 1 min, 10 min, and longer. */
    readonly ages: readonly (readonly number[])[];
    /** The tables that wait longest, the longest first, at most 12. */
    readonly longest: readonly number[];
    /** Place and number of tables. */
    readonly places: readonly (readonly [place: number, tables: number])[];
  };
  readonly visits: {
    /** Since the last frame. */
    readonly total: number;
    readonly shown: readonly ShownVisit[];
    /** The tables that were visited, at most 400. */
    readonly tables: readonly number[];
  };
  readonly kitchens: readonly KitchenRow[];
  readonly outside: readonly OutsideRow[];
  readonly block: BlockRow | null;
  /** The rooms, each with its block. Absent or null without any. */
  readonly rooms?: readonly RoomRow[] | null;
  /** The points since the last frame; up to 300 in the first one. */
  readonly strip: readonly StripPoint[];
  /**
   * What looking costs: how long the main thread took for this picture, in milliseconds, and the
   * time to the next one, which grows with it.
   */
  readonly cost?: { readonly ms: number; readonly every: number };
  /** The numbers on the tabs. */
  readonly numbers: {
    readonly tasks: number;
    readonly blocks: number;
    readonly warnings: number;
    readonly ended: number;
  };
}
