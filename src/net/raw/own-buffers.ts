// The own buffers of sockets that read much. They are taken back from sockets that have read
// nothing for a while: 128 KiB is much for a connection that waits for its next request. One timer
// looks at all of them, and does not keep the process alive.
//
// Rejected: to take a buffer back whenever a read left nothing. It costs a tenth of the speed of
// bulk transfers, because the next read fills the common buffer first, and copies it.

/** Milliseconds between two looks. The second look that finds a buffer unused takes it back. */
const EVERY = 5000;

/** A socket that has a buffer of its own. */
export interface BufferOwner {
  /** Whether it was read into since the last call. */
  wasUsed(): boolean;
  /** Returns the buffer: reads into the common one from now on. */
  giveBack(): void;
}

const owners = new Set<BufferOwner>();
let timer: NodeJS.Timeout | undefined;

/** Registers `owner`, so that its buffer is taken back when idle. Undone by deleteOwner(). */
export function addOwner(owner: BufferOwner): void {
  owners.add(owner);
  timer ??= setInterval(look, EVERY).unref();
}

/** Undoes addOwner(): the owner has no buffer any more. */
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
