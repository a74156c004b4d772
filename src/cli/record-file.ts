// What `maitre record` and `maitre trace` do: ask for a recording, and write it as a file.
import { readFileSync, writeFileSync } from 'node:fs';
import { escapeControl } from '../base/index.ts';
import { answerHead, recordingFile } from '../console/index.ts';
import { type Methods, type PackedRecording, traceOf, unpackRecording } from '../inspect/protocol/index.ts';
import { answerOf, withProcess } from './ask.ts';
import { CommandError, CommandTrouble } from './command.ts';
import { print, standardOutput } from './print.ts';
import { jsonLine } from './serve-json.ts';

/** Milliseconds for the answer, beside the time that is recorded. */
const READING_TIME = 30_000;

type Span = Methods['record']['params'];

/** How a recording becomes the text of a file. */
export interface Form {
  readonly extension: string;
  readonly textOf: (recording: PackedRecording) => string;
}

/** One page that opens offline. */
export const PAGE: Form = {
  extension: 'html',
  textOf: (recording) => recordingFile(recording, readTemplate()),
};

/** A trace for Perfetto. */
export const TRACE: Form = {
  extension: 'json',
  textOf: (recording) => `${jsonLine(traceOf(unpackRecording(recording)))}\n`,
};

/**
 * Writes the file, prints the sentence and the name of the file, and resolves with 0; with 1 if
 * nothing happened in that time.
 */
export function record(
  target: string | undefined,
  span: Span,
  { form, output, json }: { readonly form: Form; readonly output: string | undefined; readonly json: boolean },
): Promise<number> {
  if (output === undefined && !json) throw new CommandError(`an output is missing: -o FILE.${form.extension}`, 2);
  return withProcess(target, async (client, at) => {
    const result = await answerOf(at, client.request('record', span, (span.ms ?? 0) + READING_TIME));
    if (output !== undefined) writeOutput(output, form.textOf(result.recording));
    if (json) process.stdout.write(`${jsonLine(result)}\n`);
    else if (output !== '-') {
      print(answerHead(result, standardOutput().width));
      process.stdout.write(`${escapeControl(output ?? '')}\n`);
    }
    return result.recording.visits.begin.length > 0 ? 0 : 1;
  });
}

/** @throws CommandTrouble when the file cannot be written */
function writeOutput(output: string, text: string): void {
  if (output === '-') {
    process.stdout.write(text);
    return;
  }
  try {
    writeFileSync(output, text);
  } catch (error) {
    throw new CommandTrouble(`cannot write ${output}: ${(error as Error).message}`);
  }
}

/** The page without data, as the build has made it. */
function readTemplate(): string {
  return readFileSync(new URL('../console/page/recording.html', import.meta.url), 'utf8');
}
