// The command that deletes a workspace.
import type { CommandSpec } from './command.ts';

export const rmSpec = {
  name: 'rm',
  aliases: ['delete', 'destroy'],
  summary: 'Deletes a workspace and its files; unsaved work is named first and needs `--force`.',
  usage: 'rm [target]',
  examples: ['rm api-412', 'rm old-box --force'],
  who: "The workspace's owner, and maintainers of its repository.",
  flags: {
    force: { kind: 'boolean', short: 'f', summary: 'deletes uncommitted and unpushed work too, at once' },
  },
  takes: 'target',
  destructive: true,
} satisfies CommandSpec;
