// A viewer: asks over a control socket, by the protocol alone. And the programs that it looks into.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Connection, jsonLines, openConnection, type RecordReader, sleep, writeJsonLine } from 'maitre';
import type { BlockRow, Method, Methods, Response } from '#src/inspect/protocol/index.js';
import { Program } from '../support/program.js';

export class Viewer implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #lines: RecordReader<unknown>;
  #lastId = 0;

  static async open(path: string): Promise<Viewer> {
    return new Viewer(await openConnection({ path }));
  }

  private constructor(connection: Connection) {
    this.#connection = connection;
    this.#lines = jsonLines(connection.reader, { maxLength: 50_000_000 });
  }

  /** Sends anything and returns the next line. */
  async send(value: unknown): Promise<unknown> {
    writeJsonLine(this.#connection.writer, value);
    return await this.#lines.read();
  }

  async response<M extends Method>(method: M, params: Methods[M]['params'] = {}): Promise<Response<M>> {
    return (await this.send({ id: ++this.#lastId, method, params })) as Response<M>; // what the protocol says
  }

  async ask<M extends Method>(method: M, params: Methods[M]['params'] = {}): Promise<Methods[M]['result']> {
    const response = await this.response(method, params);
    assert.ok('result' in response, JSON.stringify(response));
    assert.equal(response.id, this.#lastId);
    return response.result;
  }

  /** The latest block for which `isRight` holds, asked for until there is one. */
  async block(isRight: (block: BlockRow) => boolean): Promise<BlockRow> {
    for (;;) {
      const { blocks } = await this.ask('blocks');
      const found = blocks.find(isRight);
      if (found !== undefined) return found;
      await sleep(10);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }
}

/** A program with an inspector: its process, and a viewer of it. */
export interface Inspected extends AsyncDisposable {
  readonly program: Program;
  readonly socket: string;
  readonly viewer: Viewer;
  /** Lets the fixture begin what its arguments say, and waits until it has. */
  begin(): Promise<unknown>;
}

const fixtures = fileURLToPath(new URL('./fixtures/', import.meta.url));

/** Variables of the fixtures that are started while `fn` runs. */
let environment: NodeJS.ProcessEnv = {};
export async function withEnvironment<T>(variables: NodeJS.ProcessEnv, fn: () => Promise<T>): Promise<T> {
  environment = variables;
  try {
    return await fn();
  } finally {
    environment = {};
  }
}

/** Starts a fixture, which prints the path of its socket, and looks into it. */
export async function inspected(fixture: string, ...args: readonly string[]): Promise<Inspected> {
  const folder = mkdtempSync('/tmp/maitre-test-');
  const program = new Program([join(fixtures, `${fixture}.js`), ...args], {
    env: { XDG_RUNTIME_DIR: folder, ...environment },
  });
  const end = async (): Promise<void> => {
    await program[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  };
  try {
    const [, socket = ''] = await program.sees(/^socket (.*)$/m);
    const viewer = await Viewer.open(socket);
    return {
      program,
      socket,
      viewer,
      begin() {
        program.child.stdin?.write('go\n');
        return program.sees(/^blocks$/m);
      },
      async [Symbol.asyncDispose]() {
        await viewer[Symbol.asyncDispose]();
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Asks until the answer is right. */
export async function untilAnswer<M extends Method>(
  { viewer }: { readonly viewer: Viewer },
  method: M,
  isRight: (answer: Methods[M]['result']) => boolean,
): Promise<Methods[M]['result']> {
  for (;;) {
    const answer = await viewer.ask(method);
    if (isRight(answer)) return answer;
    await sleep(20);
  }
}

/** Says a line to a worker of the fixtures, and waits for its answer. */
export async function say(client: Connection, text: string): Promise<void> {
  client.writer.write(`${text}\n`);
  assert.equal(String(await client.reader.readLine()), `${text} done\n`);
}
