// The orderly end of a process. What was written to a full pipe waits in the process, and
// process.exit() drops it: the last lines of a server with thousands of clients, and everything
// that a slow reader has not taken yet.

/**
 * How long the reader of the output has to take the rest of it, in milliseconds. A reader that has
 * stopped does not delay the end any longer.
 */
const OUTPUT_WAIT = 2000;

const onBun = 'bun' in process.versions;

/**
 * Ends the process as soon as standard output and standard error have handed over what was written
 * to them, or after two seconds. Never settles. `process.exit` ends the process at once instead.
 */
export async function endProcess(code: number): Promise<never> {
  const waiting = [process.stdout, process.stderr].filter(mayHoldBack);
  if (waiting.length > 0) await Promise.race([Promise.all(waiting.map(handedOver)), outputWait()]);
  process.exit(code);
}

/** Whether a stream may still hold output. The streams of Bun do not tell how much they hold. */
function mayHoldBack(stream: NodeJS.WriteStream): boolean {
  return stream.writable && (onBun || stream.writableLength > 0);
}

/**
 * Resolves when the stream has handed over its output. The callback of an empty write comes after
 * all earlier writes, except on Bun, where it comes at once, but that of `end` does not. On Node,
 * `end` shuts down the socket that a pipe can be, even for other programs that write to it after
 * this one. Blocking writes (`_handle.setBlocking`) have effect only on later writes.
 */
function handedOver(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.on('error', () => resolve()); // the reader has left, which changes nothing about the end
    if (onBun) stream.end(() => resolve());
    else stream.write('', () => resolve());
  });
}

function outputWait(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, OUTPUT_WAIT));
}
