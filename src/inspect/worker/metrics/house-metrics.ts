// The metrics of a house: of its one loop, or of all of its rooms, by their places. A place outlives
// the workers in it, so that the number of series is bounded and a counter does not begin anew with a
// reload: what those counted that are gone is added.
import type { Figures } from '../../crossing.ts';
import type { House } from '../rooms/house.ts';
import type { Peek } from '../rooms/room.ts';
import { joinFigures } from '../join-figures.ts';
import { metricsText, type LoopMetrics } from './metrics-text.ts';

/** What those have counted that are gone. */
interface Gone {
  readonly figures: Figures | undefined;
  readonly blocks: Peek['blockTotals'];
}

export class HouseMetrics {
  readonly #house: House;
  readonly #version: string;
  readonly #gone = new Map<number, Gone>();

  constructor(house: House, version: string) {
    this.#house = house;
    this.#version = version;
  }

  /** Adds what a worker had counted when it was last seen. */
  leave(place: number, { figures, blockTotals }: Peek): void {
    const before = this.#gone.get(place);
    this.#gone.set(place, {
      figures: joinFigures([before?.figures, figures === undefined ? undefined : countersOf(figures)]),
      blocks: addBlocks([before?.blocks, blockTotals]),
    });
  }

  /** The text for a scraper. */
  text(): string {
    const { own } = this.#house;
    const last = own.watchdog.blocks.at(-1);
    return metricsText({
      process: own.data.process,
      version: this.#version,
      now: own.now(),
      loop: {
        rss: process.memoryUsage().rss, // of the whole process
        figures: own.figures,
        block: last?.over === false ? last : undefined,
        blocks: own.blockTotals,
      },
      rooms: this.#rooms(),
    });
  }

  #rooms(): readonly (LoopMetrics & { readonly place: number })[] {
    const { rooms } = this.#house;
    const places = [...new Set([...this.#gone.keys(), ...rooms.map(({ room }) => room.at.place)])].sort(
      (a, b) => a - b,
    );
    return places.map((place) => {
      const peeks = rooms.flatMap(({ room, peek }) =>
        room.at.place === place && peek !== undefined ? [{ ...peek, shift: this.#house.shiftOf(peek) }] : [],
      );
      const now = peeks.flatMap(({ figures, shift }) =>
        figures === undefined ? [] : [{ ...figures, now: figures.now + shift }],
      );
      const block = peeks.flatMap(({ blocks }) => blocks.filter(({ over }) => !over))[0];
      return {
        place,
        figures: joinFigures([...now, this.#gone.get(place)?.figures]),
        block,
        blocks: addBlocks([...peeks.map(({ blockTotals }) => blockTotals), this.#gone.get(place)?.blocks]),
        rss: peeks.some(({ pid }) => pid !== process.pid) ? peeks.reduce((sum, { rss }) => sum + rss, 0) : null,
      };
    });
  }
}

function addBlocks(all: readonly (Peek['blockTotals'] | undefined)[]): Peek['blockTotals'] {
  const known = all.filter((each) => each !== undefined);
  return {
    count: known.reduce((sum, { count }) => sum + count, 0),
    ms: known.reduce((sum, { ms }) => sum + ms, 0),
  };
}

/** What only grows of figures: the rest ends with its worker. */
function countersOf(figures: Figures): Figures {
  return {
    ...figures,
    busy: null,
    lag: null,
    tasks: 0,
    connections: 0,
    servers: figures.servers.map((row) => ({ ...row, open: 0, parked: 0, inLine: 0, handling: 0 })),
    executors: figures.executors.map((row) => ({ ...row, workers: 0, queued: 0, running: 0 })),
  };
}
