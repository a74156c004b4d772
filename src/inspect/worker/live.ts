// What lives while viewers look: the feed and the strip, the summary, and the page.
import { loopTime } from '../../core/index.ts';
import type { Figures, Settings } from '../crossing.ts';
import type { Methods } from '../protocol/index.ts';
import { Feed } from './feed.ts';
import { MetricsServer } from './metrics/metrics-server.ts';
import type { HouseMetrics } from './metrics/house-metrics.ts';
import { PageServer } from './page/page-server.ts';
import type { CollectSamples } from './rooms/collect-samples.ts';
import type { House } from './rooms/house.ts';
import { Strip } from './strip.ts';
import { Summary } from './summary.ts';
import type { Viewer } from './viewers.ts';

/** What it needs of the rest of the worker. */
interface LiveSources {
  readonly house: House;
  readonly samples: CollectSamples;
  /** Answers a request. May reject with a RequestError. */
  readonly respond: (method: unknown, params: unknown, viewer: Viewer) => Promise<object>;
}

/** Who asks for what frames say. */
const NOBODY: Viewer = { from: 'page', offer: () => false, atEnd: new Set() };

export class Live implements Disposable {
  readonly feed: Feed;
  readonly strip: Strip = new Strip();
  readonly #sources: LiveSources;
  readonly #summary: Summary;
  #metrics: MetricsServer | undefined;
  #page: PageServer | undefined;

  constructor(sources: LiveSources) {
    this.#sources = sources;
    const { house, samples, respond } = sources;
    const now = (): number => house.own.now();
    const summary = new Summary({
      groups: () => respond('groups', {}, NOBODY) as Promise<Methods['groups']['result']>, // by the protocol
      blocks: () => house.blocks(),
      rooms: () => house.rows(),
      numbers: () => ({ tasks: this.strip.figures?.tasks ?? 0, ended: this.strip.figures?.ended ?? 0 }),
      now,
    });
    this.#summary = summary;
    this.feed = new Feed({
      ask: (fresh) => {
        summary.start();
        void samples.next(fresh).then((sample) => this.feed.take(sample));
      },
      lookAway: () => {
        summary.stop();
        samples.lookAway();
      },
      surroundings: (picture) => summary.around(picture),
      strip: this.strip,
      now,
      random: Math.random,
    });
  }

  /** Serves the page. @throws the system's error when it cannot listen */
  async openPage(at: NonNullable<Settings['web']>): Promise<void> {
    const { feed } = this;
    this.#page = await PageServer.open({
      ...at,
      folder: new URL('../../console/page/', import.meta.url),
      now: loopTime,
      respond: this.#sources.respond,
      subscribe: (viewer, offer, wishes) => feed.add(viewer, { offer }, wishes),
      unsubscribe: (viewer, subscription) => feed.end(viewer, subscription),
    });
  }

  /** Serves the metrics, and returns the port. @throws the system's error when it cannot listen */
  async openMetrics(at: NonNullable<Settings['metrics']>, metrics: HouseMetrics): Promise<number> {
    this.#metrics = await MetricsServer.open({ ...at, text: () => metrics.text() });
    return this.#metrics.port;
  }

  /** Returns an address of the page, with a new token; undefined if there is no page. */
  newPageAddress(): string | undefined {
    return this.#page?.newAddress();
  }

  /** Takes the figures of the main thread, once a second. */
  count(own: Figures): void {
    const { house } = this.#sources;
    this.strip.add(house.figures(own), house.blocks());
  }

  [Symbol.dispose](): void {
    this.feed[Symbol.dispose]();
    this.#summary[Symbol.dispose]();
    this.#page?.close();
    this.#metrics?.close();
  }
}
