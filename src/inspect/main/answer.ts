// The answers of the main thread. Also called from within blocked code: see look.ts.
import { currentTask, host, InvalidStateError, liveTasks, Resource } from '../../core/index.ts';
import { type History, type LoopRow, type RecordingNotes, takeSnapshot } from '../../introspect/index.ts';
import { Connection } from '../../net/index.ts';
import type { Pulse, Question, Questions } from '../crossing.ts';
import type { RequestErrorCode } from '../protocol/index.ts';
import { type Interrupt, look } from './look.ts';
import { processRow } from './process-row.ts';

/** What is needed to answer. */
export interface Sources {
  readonly pulse: Pulse;
  readonly loop: () => LoopRow;
  readonly history: History;
  readonly recording: RecorderPart;
}

/** What is asked of the recorder. */
export interface RecorderPart {
  /** @throws InvalidStateError before there is a recorder */
  notes(): RecordingNotes;
  setFull(on: boolean): void;
}

/** A question that has no answer, and why. */
class Refusal extends InvalidStateError {
  readonly reason: RequestErrorCode;

  constructor(reason: RequestErrorCode, message: string) {
    super(message);
    this.reason = reason;
  }
}

const LAST_ANSWER = '{"error":{"code":"NOT_AVAILABLE","message":"the process cannot answer"},"cost":0}';

/**
 * Answers a question, both as JSON. Never throws.
 * @param interrupt the function that was called within other code, if it was
 */
export function answer(text: string, sources: Sources, interrupt?: Interrupt): string {
  try {
    const start = host.now();
    const found = JSON.stringify(find(JSON.parse(text) as Question, sources, interrupt)); // the worker follows the protocol
    return `{"answer":${found},"cost":${host.now() - start}}`;
  } catch (error) {
    const code = error instanceof Refusal ? error.reason : 'NOT_AVAILABLE';
    const message = error instanceof Error ? error.message : 'the process cannot answer';
    try {
      return JSON.stringify({ error: { code, message }, cost: 0 });
    } catch {
      return LAST_ANSWER; // the program has replaced JSON.stringify
    }
  }
}

function find(question: Question, sources: Sources, interrupt: Interrupt | undefined): unknown {
  if (question.ask === 'look') return look(sources.pulse, interrupt);
  if (question.ask === 'snapshot') {
    const current = interrupt === undefined ? undefined : currentTask();
    const { rows } = question.params;
    return takeSnapshot({
      rows,
      current,
      interrupted: interrupt !== undefined,
      process: processRow(),
      loop: sources.loop(),
    });
  }
  if (question.ask === 'ended') return sources.history.rows();
  if (question.ask === 'notes') return sources.recording.notes();
  if (question.ask === 'detail') {
    sources.recording.setFull(question.params.on);
    return null;
  }
  return cancel(question.params);
}

const WHY = 'Cancelled: by an inspector';

function clientOf(id: number): Connection | undefined {
  for (const resource of Resource.live)
    if (resource instanceof Connection && resource.id === id && resource.parent !== undefined) return resource;
  return undefined;
}

/** Cancels a task, or that of a client. */
function cancel({ client, task }: Questions['cancel']['params']): 'done' | 'ended' {
  if (client !== undefined) {
    const connection = clientOf(client);
    if (connection === undefined) throw new Refusal('NOT_FOUND', `there is no client ${client}`);
    if (connection.task?.done() !== false) connection.writer.close(); // it waits for a place, or is over
    else connection.task.cancel(WHY);
    return 'done';
  }
  for (const each of liveTasks()) if (each.id === task) return each.cancel(WHY) ? 'done' : 'ended';
  throw new Refusal('NOT_FOUND', `there is no task ${task}`);
}
