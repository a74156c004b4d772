// A room that is a thread of this process. It shares the inspector's thread: its loop is looked into
// from here, as the main one is.
import type { RoomPlace } from '../../../hosts/node/index.ts';
import type { MessagePort } from 'node:worker_threads';
import type { EnterRoom, FromWorker, Settings, ToWorker } from '../../crossing.ts';
import { Loop } from '../loop.ts';
import { loopHandlers, type LoopHandlers } from '../loop-requests.ts';
import { within } from '../main-thread.ts';
import { reachThread } from '../reach.ts';
import { RequestError } from '../request-error.ts';
import type { ShownFiles } from '../shown-files.ts';
import type { AllMethods, Room } from './room.ts';

/** What a thread's room is made from. */
export interface ThreadRoomSources {
  readonly settings: Settings;
  readonly files: ShownFiles;
  /** Called when a block is found, when it is reported, and when it is over. */
  readonly onChange: () => void;
}

export class ThreadRoom implements Room {
  readonly at: RoomPlace;
  readonly #port: MessagePort;
  readonly #sources: ThreadRoomSources;
  #loop: Loop | undefined;
  #handlers: LoopHandlers | undefined;
  #thread: number | undefined;

  constructor(at: RoomPlace, port: MessagePort, sources: ThreadRoomSources) {
    this.at = at;
    this.#port = port;
    this.#sources = sources;
    port.on('message', (message: EnterRoom | ToWorker) => {
      if (message.type === 'enter') this.#enter(message);
      else this.#loop?.take(message);
    });
    port.unref();
  }

  get thread(): number | undefined {
    return this.#thread;
  }

  async request<M extends keyof AllMethods>(
    method: M,
    params: AllMethods[M]['params'],
    ms: number,
  ): Promise<AllMethods[M]['result']> {
    if (this.#handlers === undefined) throw new RequestError('NOT_AVAILABLE', 'it has not begun');
    const handler = (this.#handlers as Readonly<Record<string, unknown>>)[method] as
      | ((params: AllMethods[M]['params']) => Promise<AllMethods[M]['result']>)
      | undefined; // keyed by the method
    const answer = handler === undefined ? undefined : await within(ms, handler(params));
    if (answer === undefined) throw new RequestError('NOT_AVAILABLE', 'it does not answer');
    return answer;
  }

  close(): void {
    this.#loop?.[Symbol.dispose]();
    this.#loop = this.#handlers = undefined;
    this.#port.close();
  }

  #enter({ thread, data }: EnterRoom): void {
    const { settings, files, onChange } = this.#sources;
    this.#thread = thread;
    const loop = new Loop({
      data,
      settings,
      reach: reachThread(thread, data.obstacle),
      isMain: false,
      files,
      post: (message: FromWorker) => this.#port.postMessage(message, []),
      onFound: onChange,
      onBlock: onChange,
      onFigures: () => undefined, // a peek has them
    });
    this.#loop = loop;
    this.#handlers = loopHandlers(loop, files);
    void loop.main.tryInterrupt();
  }
}
