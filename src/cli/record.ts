// `maitre record -o FILE.html [PID|PATH]`: a recording as one page that opens offline.
import type { Command } from './command.ts';
import { inspectCommand, JSON_OPTION, SPAN_OPTIONS, spanOf, TARGET } from './inspect-options.ts';

export const command: Command = inspectCommand({
  positionals: [TARGET],
  options: {
    ...SPAN_OPTIONS,
    list: { type: 'flag', help: 'list what was kept by itself, up to blocks, errors and warnings' },
    json: JSON_OPTION,
  },
  notes: 'The page needs no network and no server: open the file in a browser.',
  async run({ output, last, for: duration, frozen, worker, list, json }, [target]) {
    const { parseId } = await import('../inspect/protocol/index.ts');
    const span = spanOf(last, duration, { frozen, worker }, parseId);
    if (list) {
      const { ask } = await import('./ask.ts');
      const { recordingsView } = await import('../console/index.ts');
      return ask(target, {
        method: 'recordings',
        params: {},
        json,
        show: recordingsView,
        found: ({ recordings }) => recordings.length > 0,
      });
    }
    const { PAGE, record } = await import('./record-file.ts');
    return record(target, span, { form: PAGE, output, json });
  },
});
