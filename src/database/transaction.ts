// One transaction, or one savepoint inside it, from its beginning to its end.
//
// Order of what happens, and what a caller can conclude:
//
//   BEGIN -> fn -> COMMIT resolves                             -> it has happened
//     |       |      `-fails-> ROLLBACK -> rejects             -> it has not happened
//     `-------`-throws, is cancelled-> ROLLBACK -> rejects     -> it has not happened
//   The connection is lost in the COMMIT                       -> nobody knows; rejects
//
// COMMIT and ROLLBACK take no cancel (`firm`, see statement.ts), but limited time. After that the
// session is lost, and the server rolls back by itself.
import { beginWait, ConnectionLostError, InvalidStateError, random, sleep } from '../core/index.ts';
import type { Result } from './driver.ts';
import type { TransactionOptions } from './options.ts';
import type { Session } from './session.ts';
import { StatementWait } from './statement.ts';

/** Milliseconds before the first retry, at most; doubled for each further. */
const FIRST_PAUSE = 10;
const LONGEST_PAUSE = 1000;

/** Runs a transaction, or, inside one, a savepoint. */
export async function runTransaction<T>(
  session: Session,
  call: () => Promise<T>,
  killTimeout: number,
  options: TransactionOptions,
): Promise<T> {
  const isInside = session.depth > 0;
  const { retries = 0 } = options;
  for (let retry = 0; ; retry++) {
    try {
      return isInside
        ? await runSavepoint(session, call, killTimeout)
        : await runOnce(session, call, killTimeout, options);
    } catch (error) {
      if (retry >= retries || !session.driver.isConflict(error)) throw error;
    }
    // Those that were in conflict must not meet again.
    await sleep(random() * Math.min(FIRST_PAUSE * 2 ** Math.min(retry, 20), LONGEST_PAUSE));
  }
}

async function runOnce<T>(
  session: Session,
  call: () => Promise<T>,
  killTimeout: number,
  options: TransactionOptions,
): Promise<T> {
  session.depth = 1;
  try {
    for (const sql of session.driver.beginSql(options.isolation, options.readOnly ?? false)) {
      await begin(session, sql);
    }
    const value = await call();
    await throwUnlessWell(session);
    await commit(session);
    return value;
  } catch (error) {
    session.stopStream();
    // After a lost connection there is nothing to roll back, and after a failed one it is lost then.
    await rollback(session, killTimeout).catch(() => undefined); // `error` says what went wrong
    throw error;
  } finally {
    session.depth = 0;
    session.aborted = undefined;
  }
}

async function runSavepoint<T>(session: Session, call: () => Promise<T>, killTimeout: number): Promise<T> {
  const name = `maitre_${session.depth}`;
  await begin(session, `SAVEPOINT ${name}`);
  session.depth++;
  try {
    const value = await call();
    await throwUnlessWell(session);
    await firm(session, `RELEASE SAVEPOINT ${name}`);
    return value;
  } catch (error) {
    session.stopStream();
    // Not if the server has rolled back everything: the outermost transaction ends it.
    if (session.aborted === undefined) {
      // A session that does not answer in time is lost.
      await firm(session, `ROLLBACK TO SAVEPOINT ${name}`, killTimeout).catch(() => undefined); // `error` says what went wrong
    }
    throw error;
  } finally {
    session.depth--;
  }
}

/** Rolls back what is open on the session. Rejects if the session is lost with it. */
export function rollback(session: Session, killTimeout: number): Promise<Result<unknown>> {
  return firm(session, 'ROLLBACK', killTimeout);
}

async function commit(session: Session): Promise<void> {
  try {
    await firm(session, 'COMMIT');
  } catch (error) {
    if (!(error instanceof ConnectionLostError)) throw error;
    throw new ConnectionLostError('The connection was lost in the COMMIT: the transaction may have happened or not', {
      cause: error,
    });
  }
}

function begin(session: Session, sql: string): Promise<unknown> {
  const refused = beginWait();
  if (refused !== undefined) return refused;
  const refusal = session.refusal();
  if (refusal !== undefined) return Promise.reject(refusal);
  const plan = { sql, params: undefined, isPrepared: false, ms: Infinity };
  const wait = new StatementWait(session, session.kinds.transaction, plan, undefined);
  session.submit(wait);
  return wait.promise;
}

/** Runs a statement that takes no cancel. A kept cancel stays for the next wait. */
function firm(session: Session, sql: string, ms = Infinity): Promise<Result<unknown>> {
  const plan = { sql, params: undefined, isPrepared: false, temper: 'firm', ms } as const;
  const wait = new StatementWait(session, session.kinds.transaction, plan, undefined);
  session.submit(wait);
  return wait.promise;
}

/** Throws if there is a reason not to commit: a cancel that is due, a stream, a failure. */
async function throwUnlessWell(session: Session): Promise<void> {
  const refused = beginWait();
  if (refused !== undefined) await refused;
  const refusal = session.refusal();
  if (refusal !== undefined) throw refusal;
  if (session.hasFailed) {
    throw new InvalidStateError('Cannot commit: a statement of the transaction failed, and it can only be rolled back');
  }
}
