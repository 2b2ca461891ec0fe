// The command that says whose a workspace is.
import type { CommandSpec } from './command.ts';
import type { Front, Workspace } from '../database/types.ts';
import * as store from '../workspaces/store.ts';
import { findTarget } from './find.ts';
import type { Command, Scene } from './context.ts';

export const whoSpec = {
  name: 'who',
  aliases: ['whoami'],
  summary: 'Says who you are here, whose a workspace is and how many terminals are open in it.',
  usage: 'who [target]',
  examples: ['who', 'who api-412'],
  who: 'Everyone, about themselves and their own workspaces.',
  flags: {},
  takes: 'target',
  isForAnyone: true,
} satisfies CommandSpec;

export const who: Command = {
  ...whoSpec,
  async run(command, scene) {
    const mine = await store.listWorkspaces(scene.tx, scene.actor.id);
    const you = describeYou(scene);
    if (!command.target && !scene.place.workspace && mine.length !== 1)
      return { answer: { ok: true, code: 'ok', text: you } };
    const workspace = await findTarget(command, scene);
    return { answer: { ok: true, code: 'ok', text: `${you}\n${await describe(workspace, scene)}` } };
  },
};

/** What everybody reads has no ids of people. */
const describeYou = ({ front, actor }: Scene): string =>
  front === 'github'
    ? `You are \`${actor.name}\`.`
    : `You are ${actor.name} (${actor.id}), known from ${FRONTS[front]}.`;

const FRONTS: Record<Front, string> = {
  console: 'the console',
  github: 'GitHub',
  slack: 'Slack',
  api: 'the API',
};

async function describe(workspace: Workspace, scene: Scene): Promise<string> {
  const owner = await store.findUser(scene.tx, workspace.owner);
  const sessions = workspace.reported?.sessions ?? 0;
  return `\`${workspace.name}\` belongs to ${owner?.name ?? workspace.owner}; ${sessions} terminal session${sessions === 1 ? '' : 's'} open in it.`;
}
