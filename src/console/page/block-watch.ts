// The block that a picture shows: the one that goes on, or that was over less than CARD_STAYS ago. The
// program has one, and each room has one of its own, because only its own loop stands.
import type { BlockRow } from '../../inspect/protocol/index.ts';

/** Milliseconds that the card of a block stays after its end. */
export const CARD_STAYS = 4000;

export class BlockWatch {
  /** Null for none. */
  block: BlockRow | null = null;
  /** Where the loop's clock stood when the block was first seen; the room stops there. */
  stoppedAt = 0;
  #overAt = 0;

  get blocked(): boolean {
    return this.block !== null && !this.block.over;
  }

  /**
   * Takes what a frame says.
   * @param now the loop's time of the frame
   * @param before that of the frame before
   * @param wall the page's clock
   */
  see(block: BlockRow | null, { now, before }: { readonly now: number; readonly before: number }, wall: number): void {
    if (block === null) {
      // Its end was missed: the loop goes on, so it is over.
      if (this.blocked && this.block !== null) this.#end({ ...this.block, over: true }, wall);
      return;
    }
    if (block.over) {
      if (now - block.since - block.ms > CARD_STAYS) return;
      if (this.block?.id !== block.id || !this.block.over) this.#end(block, wall);
      return;
    }
    if (this.block?.id !== block.id) this.stoppedAt = Math.min(now, Math.max(block.since, before));
    this.block = block;
  }

  /** Forgets a block that has been over for long enough. */
  forget(wall: number): void {
    if (this.block?.over === true && wall - this.#overAt > CARD_STAYS) this.block = null;
  }

  #end(block: BlockRow, wall: number): void {
    this.block = block;
    this.#overAt = wall;
  }
}
