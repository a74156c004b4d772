// The part of a leaf that is made of shared memory: the same for threads and for workers of a page.
import { makeOffer, setCancelled, type SharedWords, takeOffer } from './shared-words.ts';

export class SharedLeaf {
  /** Undefined until the worker is ready, and where no memory can be shared. */
  protected shared: SharedWords | undefined = undefined;

  setCancelled(job: number): void {
    if (this.shared !== undefined) setCancelled(this.shared, job);
  }

  offer(number: number): number | undefined {
    return this.shared === undefined ? undefined : makeOffer(this.shared, number);
  }

  takeBack(key: number): boolean {
    return this.shared !== undefined && takeOffer(this.shared, key);
  }
}
