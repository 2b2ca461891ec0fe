// The command that shows what a workspace and its node wrote.
import type { CommandSpec } from './command.ts';

export const logsSpec = {
  name: 'logs',
  aliases: ['log'],
  summary: 'Shows the last lines that the making of a workspace wrote, without secrets.',
  usage: 'logs [target]',
  examples: ['logs', 'logs api-412 -n 50', 'logs --boot'],
  who: "The workspace's owner.",
  flags: {
    lines: { kind: 'number', short: 'n', max: 100, summary: 'how many' },
    boot: { kind: 'boolean', excludes: 'agent', summary: "the node's start only" },
    agent: { kind: 'boolean', excludes: 'boot', summary: "the agent's only" },
  },
  takes: 'target',
} satisfies CommandSpec;
