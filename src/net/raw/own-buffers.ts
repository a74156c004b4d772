// Buffers of sockets that read much, taken back when they have read nothing for a while: 128 KiB each is much for a connection
// that waits for its next request. One look at all of them, now and then; its timer keeps no process alive.
//
// (Giving a buffer back whenever a read left nothing costs a tenth of the speed of bulk transfers: the next read fills the
// common buffer first, and copies it.)

/** Milliseconds between two looks. A buffer goes at the second one that finds it unused. */
const EVERY = 5000;

/** Who has a buffer of its own. */
export interface BufferOwner {
  /** Whether it was read into since the last call. */
  wasUsed(): boolean;
  /** Gives it back. */
  giveBack(): void;
}

const owners = new Set<BufferOwner>();
let timer: NodeJS.Timeout | undefined;

/** Has the buffer of `owner` taken back when it is idle. */
export function addOwner(owner: BufferOwner): void {
  owners.add(owner);
  timer ??= setInterval(look, EVERY).unref();
}

/** The owner has no buffer any more. */
export function deleteOwner(owner: BufferOwner): void {
  owners.delete(owner);
}

/** How many sockets have a buffer of their own. */
export function ownerCount(): number {
  return owners.size;
}

function look(): void {
  for (const owner of owners) {
    if (owner.wasUsed()) continue;
    owners.delete(owner);
    owner.giveBack();
  }
  if (owners.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}
