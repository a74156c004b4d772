/** Why a FILE cannot be served: one line for people, and the lines below it. */
export class ServeError extends Error {
  /** What could not be done: the file loaded, the address listened on, a worker become ready. */
  readonly step: 'load' | 'listen' | 'ready';
  /** 2 for what the user has typed, 1 for everything else. */
  readonly exitCode: 1 | 2;
  /** What is shown below the message: the lines of the file, a stack. */
  readonly detail: string | undefined;

  constructor(
    step: 'load' | 'listen' | 'ready',
    message: string,
    { exitCode = 1, detail, cause }: { exitCode?: 1 | 2; detail?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.name = 'ServeError';
    this.step = step;
    this.exitCode = exitCode;
    this.detail = detail;
  }
}
