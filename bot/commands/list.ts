// The command that lists workspaces.
import type { CommandSpec } from './command.ts';

export const listSpec = {
  name: 'list',
  aliases: ['ls', 'ps'],
  summary: 'Lists your workspaces and where each stands.',
  usage: 'list',
  examples: ['list', 'list --all --repo acme/api', 'list --state running'],
  who: 'Everyone, for their own; maintainers of a repository see all of its workspaces with `--all`.',
  flags: {
    all: { kind: 'boolean', short: 'a', summary: "everybody's, where you are a maintainer" },
    repo: { kind: 'repository', summary: 'only those of this repository' },
    state: {
      kind: 'text',
      values: ['queued', 'provisioning', 'preparing', 'running', 'stopping', 'stopped', 'deleting', 'failed'],
      summary: 'only those in this phase',
    },
  },
  takes: 'none',
  common: true,
} satisfies CommandSpec;
