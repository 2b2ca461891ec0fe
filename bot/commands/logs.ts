// The command that shows what a workspace and its node wrote.
import { withoutColours } from '../../agent/redact.ts';
import { findTarget } from './target.ts';
import type { Command } from './context.ts';
import { readBoot, readLogs } from '../workspaces/store/logs.ts';

const DEFAULT_LINES = 30;

export const logs = {
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
  gives: true,
  async run(command, context) {
    const workspace = await findTarget(command, context);
    const count = typeof command.flags['lines'] === 'number' ? command.flags['lines'] : DEFAULT_LINES;
    const lines =
      command.flags['boot'] === true
        ? await readBoot(context.tx, workspace.nodeId, count)
        : await readLogs(context.tx, workspace.id, count);
    if (lines.length === 0)
      return { answer: { ok: true, code: 'no-logs', details: { name: workspace.name } } };
    const shown = lines.map(({ at, step, text }) => ({
      at: at.toISOString(),
      step,
      text: withoutColours(text),
    }));
    return { answer: { ok: true, code: 'logs', details: { lines: shown }, isPrivate: true } };
  },
} satisfies Command;
