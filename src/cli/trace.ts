// `maitre trace -o FILE.json [PID|PATH]`: a recording for https://ui.perfetto.dev.
import type { Command } from './command.ts';
import { inspectCommand, JSON_OPTION, SPAN_OPTIONS, spanOf, TARGET } from './inspect-options.ts';

export const command: Command = inspectCommand({
  positionals: [TARGET],
  options: { ...SPAN_OPTIONS, json: JSON_OPTION },
  notes: 'Open the file with https://ui.perfetto.dev. Each client has a track, and so has each worker.',
  async run({ output, last, for: duration, frozen, worker, json }, [target]) {
    const { parseId } = await import('../inspect/protocol/index.ts');
    const span = spanOf(last, duration, { frozen, worker }, parseId);
    const { record, TRACE } = await import('./record-file.ts');
    return record(target, span, { form: TRACE, output, json });
  },
});
