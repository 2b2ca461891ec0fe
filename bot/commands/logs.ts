// The command that shows what a workspace and its node wrote.
import type { CommandSpec } from './command.ts';
import * as store from '../workspaces/store.ts';
import { findTarget } from './find.ts';
import type { Command } from './context.ts';

export const logsSpec = {
  name: 'logs',
  aliases: ['log'],
  summary: 'Shows the last lines that the making of a workspace wrote, without secrets.',
  usage: 'logs [target]',
  examples: ['logs', 'logs api-412 -n 50', 'logs --boot'],
  who: "The workspace's owner.",
  flags: {
    lines: { kind: 'number', short: 'n', max: 100, summary: 'how many lines; 30 without it, 100 at most' },
    boot: { kind: 'boolean', summary: 'what its machine said while it booted' },
  },
  takes: 'target',
} satisfies CommandSpec;

const DEFAULT_LINES = 30;

export const logs: Command = {
  ...logsSpec,
  async run(command, scene) {
    const workspace = await findTarget(command, scene);
    const count = typeof command.flags['lines'] === 'number' ? command.flags['lines'] : DEFAULT_LINES;
    const lines =
      command.flags['boot'] === true
        ? await store.readBoot(scene.tx, workspace.nodeId, count)
        : await store.readLogs(scene.tx, workspace.id, count);
    const text = lines
      .map((line) => `${line.at.toISOString().slice(11, 19)} ${line.step.padEnd(6)} ${line.text}`)
      .join('\n');
    if (!text)
      return { answer: { ok: true, code: 'ok', text: `\`${workspace.name}\` has written nothing yet.` } };
    return { answer: { ok: true, code: 'ok', text, isVerbatim: true, isPrivate: true } };
  },
};
