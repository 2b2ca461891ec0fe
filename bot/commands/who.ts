// The command that says whose a workspace is.
import { findTarget } from './target.ts';
import type { Command } from './context.ts';
import { findUser } from '../workspaces/store/users.ts';
import { listWorkspaces } from '../workspaces/store/workspaces.ts';

export const who = {
  name: 'who',
  aliases: ['whoami'],
  summary: 'Says who you are here, whose a workspace is and how many terminals are open in it.',
  usage: 'who [target]',
  examples: ['who', 'who api-412'],
  who: 'Everyone, about themselves and their own workspaces.',
  flags: {},
  takes: 'target',
  gives: true,
  isForAnyone: true,
  async run(command, context) {
    const { tx, actor, traits, place } = context;
    const mine = await listWorkspaces(tx, actor.id);
    // What everybody reads has no ids of people.
    const you = { you: actor.name, ...(traits.isPublic ? {} : { id: actor.id, front: traits.title }) };
    if (!command.target && !place.workspace && mine.length !== 1)
      return { answer: { ok: true, code: 'you', details: you } };
    const { name, owner, reported } = await findTarget(command, context);
    const person = await findUser(tx, owner);
    const about = { name, owner: person?.name ?? owner, sessions: reported?.sessions ?? 0 };
    return { answer: { ok: true, code: 'owner', details: { ...you, ...about } } };
  },
} satisfies Command;
