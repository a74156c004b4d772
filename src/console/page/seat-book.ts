// Who sits where. A connection keeps its seat for its life, and whoever comes later takes the lowest free one, so that
// nothing on the floor moves when others come and go.

export class SeatBook {
  readonly #seats = new Map<number, number>();
  /** Free seats below `size`, the highest first. */
  #free: number[] = [];
  #size = 0;

  /** How many seats there are: the most that were taken at once. */
  get size(): number {
    return this.#size;
  }

  /** The seat of a connection, a new one if it has none. */
  seat(id: number): number {
    let seat = this.#seats.get(id);
    if (seat === undefined) {
      seat = this.#free.pop() ?? this.#size++;
      this.#seats.set(id, seat);
    }
    return seat;
  }

  /** Frees the seat of a connection that has ended. */
  leave(id: number): void {
    const seat = this.#seats.get(id);
    if (seat === undefined) return;
    this.#seats.delete(id);
    let at = this.#free.length;
    while (at > 0 && (this.#free[at - 1] ?? 0) < seat) at--;
    this.#free.splice(at, 0, seat);
  }

  /** Frees the seats of all connections but these: after a loss, those that are still there keep theirs. */
  keep(ids: ReadonlySet<number>): void {
    const gone = [...this.#seats.keys()].filter((id) => !ids.has(id));
    if (gone.length === this.#seats.size) {
      this.#seats.clear();
      this.#free = [];
      this.#size = 0;
    } else for (const id of gone) this.leave(id);
  }
}
