// Collects the samples of a house for its feed: of the main thread alone, or of all rooms as one. A
// room has at most one question open: one that is blocked answers it once it goes on, and is shown as
// it was until then.
import type { Place, Sample } from '../../../introspect/index.ts';
import { within } from '../main-thread.ts';
import type { House } from './house.ts';
import { JoinedSamples } from './join-samples.ts';
import type { Room } from './room.ts';

/** How long the others are waited for, in milliseconds. */
const WAIT = 60;
/** How long a room may be blocked, in milliseconds, before it is asked once more. */
const LONGEST_BLOCK = 600_000;

export class CollectSamples {
  readonly #house: House;
  readonly #onPlaces: (places: readonly Place[]) => void;
  readonly #joined = new JoinedSamples();
  /** The rooms that have not answered yet. */
  readonly #open = new Map<Room, Promise<void>>();
  #hadRooms = false;

  constructor(house: House, onPlaces: (places: readonly Place[]) => void) {
    this.#house = house;
    this.#onPlaces = onPlaces;
  }

  /** The next sample. @param fresh whether a stream has to begin */
  async next(fresh: boolean): Promise<Sample> {
    const { own, hasRooms } = this.#house;
    const begins = fresh || hasRooms !== this.#hadRooms || this.#joined.isLong;
    this.#hadRooms = hasRooms;
    this.#house.look(true);
    if (!hasRooms) return own.sample(begins);
    if (begins) this.#joined.begin(own.now());
    const living = new Set(this.#house.rooms.map(({ room }) => room));
    for (const room of this.#open.keys()) if (!living.has(room)) this.#open.delete(room);
    for (const { room, number } of this.#house.rooms)
      if (!this.#open.has(room)) this.#ask(room, !this.#joined.has(number));
    await within(WAIT, Promise.all(this.#open.values()));
    return this.#joined.join(new Set(this.#house.rooms.map(({ number }) => number)), own.now());
  }

  /** Nobody looks any more. */
  lookAway(): void {
    this.#house.look(false);
    this.#house.own.lookAway();
    for (const { room } of this.#house.rooms) void room.request('look-away', {}, 1000).catch(() => undefined);
  }

  #ask(room: Room, fresh: boolean): void {
    const asked = room.request('sample', { fresh }, LONGEST_BLOCK).then(
      async ({ sample }) => this.#take(room, sample),
      () => undefined, // it is not there yet, or any more
    );
    const done = asked.finally(() => {
      if (this.#open.get(room) === done) this.#open.delete(room);
    });
    this.#open.set(room, done);
  }

  async #take(room: Room, sample: Sample): Promise<void> {
    if (this.#house.rooms.some((each) => each.room === room && each.peek === undefined))
      await this.#house.peek(room.at.worker); // it has just begun
    const entry = this.#house.rooms.find((each) => each.room === room);
    if (entry?.peek === undefined) return;
    this.#onPlaces(sample.places);
    const { own } = this.#house;
    this.#joined.take(entry.number, { shift: this.#house.shiftOf(entry.peek), now: own.now(), sample });
  }
}
