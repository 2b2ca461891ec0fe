// The command that gives a link to the terminal.
import type { CommandSpec } from './command.ts';
import { UserError } from '../errors.ts';
import { can } from '../workspaces/workspace.ts';
import { findTarget } from './find.ts';
import type { Command } from './context.ts';

export const openSpec = {
  name: 'open',
  aliases: ['link', 'attach', 'terminal', 'url'],
  summary: 'Gives you a link that opens a terminal in the browser.',
  usage: 'open [target]',
  examples: ['open', 'open #412', 'open api-412'],
  who: "The workspace's owner.",
  flags: {},
  takes: 'target',
  common: true,
  needsWrite: true,
} satisfies CommandSpec;

export const open: Command = {
  ...openSpec,
  async run(command, scene) {
    const workspace = await findTarget(command, scene);
    if (can.open(workspace))
      return { answer: { ok: true, code: 'ok', text: '', workspace: workspace.id, link: 'now' } };
    const next = workspace.phase === 'failed' ? 'retry' : can.start(workspace) ? 'start' : 'status';
    throw new UserError(
      'not-running',
      `\`${workspace.name}\` ${workspace.phase === 'failed' ? 'has failed' : `is ${workspace.phase}`}, so there is nothing to open. Next: ${scene.say(`${next} ${workspace.name}`)}.`,
    );
  },
};
