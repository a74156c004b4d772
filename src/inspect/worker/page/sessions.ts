// Who may see the page: tokens, each good for one visitor, and the sessions that visitors get for
// them. Both are random, kept as hashes, bounded and expire.
import { createHash, randomBytes } from 'node:crypto';

/** The most tokens that nobody has used, and how long one can be used, in milliseconds. */
const MOST_TOKENS = 64;
const TOKEN_LIFE = 24 * 3_600_000;
/** The most visitors, and how long one may stay away. */
const MOST_SESSIONS = 32;
const SESSION_LIFE = 12 * 3_600_000;

/** A visitor. */
export interface Session {
  /** When it asked for something the last time. */
  seenAt: number;
}

export class Sessions {
  readonly #now: () => number;
  /** When they expire, by hash. The oldest first, as in a Map. */
  readonly #tokens = new Map<string, number>();
  /** By hash, the one that was seen longest ago first. */
  readonly #sessions = new Map<string, Session>();

  /** @param now the time in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Returns a new token. With too many that were not used, the oldest one is void. */
  newToken(): string {
    const token = randomBytes(32).toString('base64url');
    this.#tokens.set(hashOf(token), this.#now() + TOKEN_LIFE);
    trim(this.#tokens, MOST_TOKENS);
    return token;
  }

  /** Takes a token, and returns the secret of a new session; undefined if the token is not valid. */
  exchange(token: string): string | undefined {
    const hash = hashOf(token);
    const until = this.#tokens.get(hash);
    this.#tokens.delete(hash);
    if (until === undefined || until < this.#now()) return undefined;
    const secret = randomBytes(32).toString('base64url');
    this.#sessions.set(hashOf(secret), { seenAt: this.#now() });
    trim(this.#sessions, MOST_SESSIONS);
    return secret;
  }

  /** Returns the session with this secret; undefined if there is none. */
  find(secret: string): Session | undefined {
    const hash = hashOf(secret);
    const session = this.#sessions.get(hash);
    if (session === undefined) return undefined;
    this.#sessions.delete(hash);
    if (session.seenAt + SESSION_LIFE < this.#now()) return undefined;
    session.seenAt = this.#now();
    this.#sessions.set(hash, session); // at the end: it was seen last
    return session;
  }
}

/** How long a look-up takes says something about the hash, and nothing about the secret. */
function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64');
}

function trim(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}
