// The requests of viewers, by method. A program without rooms is answered by its one loop; with rooms,
// by all of them (house-requests.ts).
import type { Settings } from '../crossing.ts';
import { type Methods, PROTOCOL } from '../protocol/index.ts';
import type { Live } from './live.ts';
import { loopHandlers } from './loop-requests.ts';
import { RequestError } from './request-error.ts';
import { houseHandlers } from './rooms/house-requests.ts';
import type { House } from './rooms/house.ts';
import { packSample } from './rooms/packed-sample.ts';
import type { RoomMethods } from './rooms/room.ts';
import type { ShownFiles } from './shown-files.ts';
import { Threads } from './threads.ts';
import { feedHandlers, type Viewer } from './viewers.ts';
import type { Views } from './views.ts';

/** What the requests are answered from. */
interface Parts {
  readonly house: House;
  readonly views: Views;
  readonly files: ShownFiles;
  readonly version: string;
  readonly settings: Settings;
  readonly live: Live;
}

type Handlers = {
  readonly [M in keyof Methods]: (params: Methods[M]['params'], viewer: Viewer) => Promise<Methods[M]['result']>;
};

/** What the inspector of a supervisor asks of one that is a room. */
type RoomHandlers = {
  readonly [M in keyof RoomMethods]: (params: RoomMethods[M]['params']) => Promise<object>;
};

export class Requests {
  readonly #parts: Parts;
  readonly #handlers: Handlers & Partial<RoomHandlers>;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { house, views, files, live, settings } = parts;
    const threads = new Threads(house.own.now, () => house.threads);
    const { peek, sample, 'look-away': lookAway, ...own } = loopHandlers(house.own, files, () => threads.blocks());
    const all = houseHandlers(house, files, own);
    const room: RoomHandlers = {
      peek,
      sample: async (params) => ({ sample: packSample((await sample(params)).sample) }),
      'look-away': lookAway,
    };
    this.#handlers = {
      hello: async () => this.#hello(),
      ...all,
      groups: async () => {
        const groups = await views.groups();
        files.add(groups.places);
        return groups;
      },
      connections: async (params) => {
        const connections = await views.connections(params);
        files.add(connections.places);
        return connections;
      },
      warnings: () => views.warnings(),
      source: (params) => files.lines(params),
      ...feedHandlers(live.feed),
      page: async (_, { from }) => {
        if (from === 'page')
          throw new RequestError('NOT_ALLOWED', 'only the control socket makes addresses of the page');
        const address = live.newPageAddress();
        if (address === undefined) throw new RequestError('NOT_AVAILABLE', 'the inspector was started without a page');
        return { sentence: 'This address lets one visitor in.', address };
      },
      ...(settings.isRoom ? room : {}),
    };
  }

  /** Answers a request. Rejects with a RequestError. */
  async respond(method: unknown, params: unknown, viewer: Viewer): Promise<object> {
    const handlers = this.#handlers as Readonly<Record<string, (params: unknown, viewer: Viewer) => Promise<object>>>; // each checks its own params
    if (typeof method !== 'string' || !Object.hasOwn(handlers, method))
      throw new RequestError('UNKNOWN_METHOD', `there is no method ${JSON.stringify(method) ?? 'undefined'}`);
    if (params !== undefined && (typeof params !== 'object' || params === null || Array.isArray(params)))
      throw new RequestError('BAD_REQUEST', 'params must be an object');
    return handlers[method]?.(params ?? {}, viewer) ?? {};
  }

  #hello(): Methods['hello']['result'] {
    const { version, settings, house } = this.#parts;
    const { own } = house;
    const rooms = house.rows();
    return {
      protocol: PROTOCOL,
      version,
      process: { ...own.process(), heapUsed: own.snapshots.kept?.process.heapUsed ?? null },
      control: settings.control,
      record: settings.record !== null,
      addresses: house.addresses(),
      ...(rooms === undefined ? {} : { rooms }),
      now: own.now(),
    };
  }
}
