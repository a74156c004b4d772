// Opens wires, and says in the project's words what goes wrong with them.
import { cancellable, ConnectionLostError, sleep, timeout } from '../core/index.ts';
import type { Driver, Identity, Wire } from './driver.ts';
import type { Target } from './options.ts';

/** How often a server is asked who it is, and how many milliseconds apart. */
const QUESTIONS = 5;
const ASK_AGAIN = 300;

/** Whom to connect to, and how. */
export interface Opener {
  readonly driver: Driver;
  readonly target: Target;
  /** Milliseconds. */
  readonly connectTimeout: number;
}

/** A wire, and the server at its other end. */
export interface Opened {
  readonly wire: Wire;
  /** See `Driver.identitySql`. Empty where the server does not know the question. */
  readonly server: string | null;
}

/**
 * Connects within the time, and asks who answers. Cancellable. A connection that is not wanted any
 * more is closed.
 * @param lost called once, when the connection is gone after that
 */
export function openWire({ driver, target, connectTimeout }: Opener, lost: (error: unknown) => void): Promise<Opened> {
  return timeout(connectTimeout, async ({ signal }) => {
    const { settings, password } = target;
    const secret = typeof password === 'function' ? await cancellable(Promise.resolve(password())) : password;
    const opening = driver.open({ ...settings, password: secret }, signal, lost);
    try {
      const wire = await cancellable(opening);
      return { wire, server: await askServer(driver, wire) };
    } catch (error) {
      opening.then(
        (late) => late.destroy(), // it is of no use, or came in the turn of the cancel
        () => undefined,
      );
      throw error;
    }
  });
}

/** Cancellable. In the first second of a server's life, it waits for the next one. */
async function askServer(driver: Driver, wire: Wire): Promise<string | null> {
  for (let asked = 1; asked <= QUESTIONS; asked++) {
    const { server = '', isSure = 1 } = await cancellable(ask(driver, wire)); // rows can be arrays, by an option
    if (Number(isSure) !== 0) return server;
    await sleep(ASK_AGAIN);
  }
  return null; // its clock goes backwards
}

function ask(driver: Driver, wire: Wire): Promise<Partial<Identity>> {
  return new Promise((resolve, reject) => {
    wire.run(driver.identitySql(wire.serverId), undefined, false, (error, result) => {
      if (error === undefined) resolve(result?.rows[0] ?? {});
      else if (driver.isLost(error)) reject(error);
      else resolve({ server: '' }); // a kindred server without one of the functions
    });
  });
}

/** `mysql at 127.0.0.1:3306`, for messages. */
export function placeOf({ driver, target }: Opener): string {
  const { host, port, path } = target.settings;
  return `${driver.name} at ${path ?? `${host.includes(':') ? `[${host}]` : host}:${port}`}`;
}

/** Returns the error for a connection that is gone. */
export function lostError(opener: Opener, cause: unknown): ConnectionLostError {
  return new ConnectionLostError(`The connection to ${placeOf(opener)} was lost`, { cause });
}

/** Whether TLS was refused: a certificate that is not trusted, a server without TLS. */
export function isTlsFault(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  return /CERT|SSL|TLS|SIGNATURE/.test(`${String(code)} ${String(message)}`);
}
