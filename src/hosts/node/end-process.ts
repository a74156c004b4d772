// The orderly end of a process. What was written to a pipe that is full waits in the process, and process.exit() drops it:
// the last lines of a server with thousands of clients, all that a slow reader has not taken yet.

/** Milliseconds that whoever reads the output gets to take the rest of it. One that has stopped reading holds nothing up. */
const OUTPUT_WAIT = 2000;

const onBun = 'bun' in process.versions;

/**
 * Ends the process as soon as standard output and standard error have handed over what was written to them, after at most
 * two seconds. Never settles; `process.exit` is the end at once.
 */
export async function endProcess(code: number): Promise<never> {
  const waiting = [process.stdout, process.stderr].filter(mayHoldBack);
  if (waiting.length > 0) await Promise.race([Promise.all(waiting.map(handedOver)), outputWait()]);
  process.exit(code);
}

/** Bun's streams do not tell how much they hold. */
function mayHoldBack(stream: NodeJS.WriteStream): boolean {
  return stream.writable && (onBun || stream.writableLength > 0);
}

/**
 * An empty write is called back behind everything else; on Bun at once, but `end` is not. Node's `end` shuts the socket down
 * that a pipe may be, also for the programs that write to it after us. Blocking writes (`_handle.setBlocking`) hold only for
 * what is written after the call.
 */
function handedOver(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.on('error', () => resolve()); // the reader has left, which changes nothing about how we end
    if (onBun) stream.end(() => resolve());
    else stream.write('', () => resolve());
  });
}

function outputWait(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, OUTPUT_WAIT));
}
