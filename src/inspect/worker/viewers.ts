// Those who ask, as requests see them: programs at the control socket, and pages.
import type { Feed } from './feed.ts';
import { RequestError } from './request-error.ts';
import type { Methods } from '../protocol/index.ts';

/** A viewer, as the requests see it. */
export interface Viewer {
  /** Pages may do less: what makes an address of a page is for the socket alone. */
  readonly from: 'socket' | 'page';
  /**
   * Sends what `make` returns. Returns false, with nothing made and nothing sent, if the viewer has
   * not taken earlier frames.
   */
  offer(make: () => object): boolean;
  /** What ends with the viewer, such as its subscriptions. */
  readonly atEnd: Set<() => void>;
}

type Handlers = {
  readonly [M in 'subscribe' | 'resubscribe' | 'unsubscribe']: (
    params: Methods[M]['params'],
    viewer: Viewer,
  ) => Promise<Methods[M]['result']>;
};

/** The requests that are about frames. */
export function feedHandlers(feed: Feed): Handlers {
  return {
    subscribe: async (wishes, viewer) => {
      if (viewer.from === 'page') throw new RequestError('BAD_REQUEST', 'a page receives frames from /api/frames');
      const sink = { offer: (make: () => object) => viewer.offer(() => ({ subscription, frame: make() })) };
      const subscription: number = feed.add(viewer, sink, wishes);
      viewer.atEnd.add(() => feed.endAll(viewer));
      return { subscription };
    },
    resubscribe: async ({ subscription, ...wishes }, viewer) => {
      feed.change(viewer, subscription, wishes);
      return {};
    },
    unsubscribe: async ({ subscription }, viewer) => {
      feed.end(viewer, subscription);
      return {};
    },
  };
}
