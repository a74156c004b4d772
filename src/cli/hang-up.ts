// SIGHUP: the terminal has closed, or a user sends it. In a process that serves by itself, it ends
// the server like SIGTERM, unless FILE listens for the signal itself: many servers reload their
// settings then. A supervisor reloads its workers, unless the terminal has closed.
import { closeSync, openSync, readFileSync } from 'node:fs';

/**
 * From now on, the first SIGHUP counts as a SIGTERM when nothing else listens for it. Further ones
 * do nothing: a closing terminal sends it, and its shell sends it again. A process that was started
 * to ignore it (`nohup`) keeps ignoring it, except on Node, which resets that before this code can
 * look. Bun and Deno do not.
 */
export function endOnHangUp(): void {
  if (isIgnored()) return;
  let first = true;
  process.on('SIGHUP', () => {
    if (!first || process.listenerCount('SIGHUP') > 1) return;
    first = false;
    terminate();
  });
}

/** Calls `reload` for each SIGHUP; a terminal that closes ends the process like SIGTERM. */
export function reloadOnHangUp(reload: () => void): void {
  const hadTerminal = hasTerminal();
  let isEnding = false;
  process.on('SIGHUP', () => {
    if (isEnding) return;
    isEnding = hadTerminal && !hasTerminal();
    if (isEnding) terminate();
    else reload();
  });
}

/** Whether there is a terminal that signals come from. It cannot be opened after it has closed. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r+'));
    return true;
  } catch {
    return false;
  }
}

function terminate(): void {
  // Windows has no signals to send: kill() would end the process at once.
  if (process.platform === 'win32') process.emit('SIGTERM', 'SIGTERM');
  else process.kill(process.pid, 'SIGTERM');
}

/** SIGHUP is signal 1: the lowest bit of the mask. */
function isIgnored(): boolean {
  try {
    const [, mask = '0'] = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
    return (Number.parseInt(mask.slice(-1), 16) & 1) === 1;
  } catch {
    return false; // no Linux
  }
}
