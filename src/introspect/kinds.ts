// Kinds: names by number.

/** The names of a kind of things by number, for the eight bits that an event has for them. */
export class Kinds {
  readonly names: string[] = [''];
  readonly #numbers = new Map<string, number>();
  #lastName = '';
  #last = 0;

  /** Returns the number of a name; 0 for the names beyond 255. */
  numberOf(name: string): number {
    if (name === this.#lastName) return this.#last;
    let number = this.#numbers.get(name);
    if (number === undefined) {
      number = this.names.length > 255 ? 0 : this.names.push(name) - 1;
      this.#numbers.set(name, number);
    }
    this.#lastName = name;
    this.#last = number;
    return number;
  }
}
