// What fuzz tests are made of: seeds that are printed and replayed, and valid bytes made invalid in the ways that find most.
import { seededRandom } from 'maitre/testing';

/** The environment variable that replays a failure: the seed that its message names. */
const SEED = 'MAITRE_FUZZ_SEED';

/** A random number's source, and what is drawn from it. */
export class Dice {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** An integer from 0 to `below` - 1. */
  upTo(below: number): number {
    return Math.floor(this.#random() * below);
  }

  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.upTo(n) === 0;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.upTo(from.length)] as T; // the lists are not empty
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.upTo(256)));
  }

  /** The bytes in pieces of random lengths. */
  cut(bytes: Buffer): Buffer[] {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length;) {
      const length = 1 + this.upTo(this.oneIn(2) ? 4 : bytes.length);
      pieces.push(bytes.subarray(at, at + length));
      at += length;
    }
    return pieces;
  }

  /** Valid bytes, one to three times flipped, inserted into, cut out of, cut off, repeated or overwritten. Rarely left alone. */
  mutate(valid: Buffer): Buffer {
    if (this.oneIn(20)) return valid;
    let bytes = valid;
    for (let times = 1 + this.upTo(3); times > 0; times--) bytes = this.#mutateOnce(bytes);
    return bytes;
  }

  #mutateOnce(bytes: Buffer): Buffer {
    const at = this.upTo(bytes.length + 1);
    const length = 1 + this.upTo(this.oneIn(3) ? 64 : 4);
    const before = bytes.subarray(0, at);
    switch (this.upTo(7)) {
      case 0: {
        const flipped = Buffer.from(bytes);
        if (at < flipped.length) flipped[at] = (flipped[at] as number) ^ (1 << this.upTo(8)); // at < length
        return flipped;
      }
      case 1:
        return Buffer.concat([before, this.bytes(length), bytes.subarray(at)]);
      case 2:
        return Buffer.concat([before, bytes.subarray(at + length)]);
      case 3:
        return before;
      case 4:
        return Buffer.concat([bytes, bytes.subarray(at, at + length), bytes.subarray(at)]);
      case 5: // the numbers that lengths are got wrong with
        return Buffer.concat([
          before,
          Buffer.alloc(length, this.pick([0, 0x7f, 0x80, 0xff])),
          bytes.subarray(at + length),
        ]);
      default:
        return this.bytes(this.upTo(100));
    }
  }
}

/** Runs `body` with a seed of the day, or the one to replay; a failure names it. */
export async function withSeed(body: (seed: number) => Promise<void>): Promise<void> {
  const given = process.env[SEED];
  const seed = given === undefined ? Date.now() % 2 ** 32 : Number(given);
  try {
    await body(seed);
  } catch (error) {
    throw new Error(`Failed with seed ${seed}: replay with ${SEED}=${seed}`, { cause: error });
  }
}
