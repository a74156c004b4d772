// Words about records, where the process sends none of its own.
import { type BlockRow, idText } from '../../inspect/protocol/index.ts';
import { tableNumber } from './format.ts';

/** Who holds the loop: a client, a task by its name, or that it is unknown. */
export function blockTitle({ name, peer, task, room = 0 }: BlockRow): string {
  const client = peer === null || name === null ? undefined : /#(\d+)$/.exec(name)?.[1];
  if (client !== undefined) return `client ${room === 0 ? client : `${room}:${client}`}`;
  return name ?? (task === null ? 'code outside of tasks' : `task ${idText(task)}`);
}

/** What a program's file is called, without its folders. */
export function baseName(path: string): string {
  return path.replace(/^.*[\\/]/, '');
}

/** `4 Barbara`, `Table 36`. */
export function tableTitle({ id, name }: { readonly id: number; readonly name: string }): string {
  return name === '' ? `Table ${tableNumber(id)}` : `${idText(id)} ${name}`;
}

/** What a job is called where there is little room: `cook` of `cook of kitchen.mjs`. */
export function jobName(job: string): string {
  return job.replace(/ of [^ ]*$/, '');
}
