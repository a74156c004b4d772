/**
 * The options of Node with which this process was started that its workers and the processes of its executors have, too: all except those that are
 * for one process, such as the port of a debugger.
 */
export function execArgvOfWorkers(own: readonly string[]): string[] {
  let isForOne = false;
  return own.filter((option) => {
    // What is no option is the value of the one before it: `--inspect-port 9230`.
    if (option.startsWith('-')) isForOne = /^--(?:inspect|test|watch)/.test(option);
    return !isForOne;
  });
}
