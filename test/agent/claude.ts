// What tests of the real Claude Code have in common: a model that makes a file, a person's prompt, a look into memory.
import { openSync, readFileSync, readSync } from 'node:fs';
import { calls, says, type Asked, type Block } from '../fakes/model.ts';
import type { attach } from './viewer.ts';

/** As a model does that is asked for a file: it calls a tool, and says so when the tool has answered. */
export function makeFile({ body }: Asked): Block[] {
  const { tools = [], messages = [] } = JSON.parse(body) as { tools?: object[]; messages?: object[] };
  if (tools.length === 0) return [says('A title')];
  const isDone = JSON.stringify(messages.slice(-2)).includes('tool_result');
  return isDone
    ? [says('The file is made.')]
    : [calls('Bash', { command: 'echo made > by-claude.txt', description: 'Makes the file' })];
}

type Viewer = Awaited<ReturnType<typeof attach>>;

/** What is pasted in one piece ends with no Enter. */
export async function prompt(viewer: Viewer, text: string): Promise<void> {
  viewer.type(text);
  await viewer.reads(new RegExp(text.replaceAll(' ', '.*')));
  viewer.type('\r');
}

/** All that the process may write, piece by piece. */
export function isInMemory(pid: number, wanted: string): boolean {
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const piece = Buffer.alloc(4 << 20);
  for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
    const [, from = '', to = ''] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
    for (
      let at = Number(`0x${from}`), end = Number(`0x${to}`);
      at < end;
      at += piece.length - wanted.length
    ) {
      try {
        const size = readSync(memory, piece, 0, Math.min(piece.length, end - at), at);
        if (piece.subarray(0, size).includes(wanted)) return true;
      } catch {
        // Reserved, and nothing is there.
      }
    }
  }
  return false;
}
