// The command that says whose a workspace is.
import * as store from '../workspaces/store.ts';
import { findTarget } from './target.ts';
import type { Command } from './context.ts';

export const who = {
  name: 'who',
  aliases: ['whoami'],
  summary: 'Says who you are here, whose a workspace is and how many terminals are open in it.',
  usage: 'who [target]',
  examples: ['who', 'who api-412'],
  who: 'Everyone, about themselves and their own workspaces.',
  flags: {},
  takes: 'target',
  isForAnyone: true,
  async run(command, context) {
    const { tx, actor, front, place, isPublic } = context;
    const mine = await store.listWorkspaces(tx, actor.id);
    // What everybody reads has no ids of people.
    const you = { you: actor.name, ...(isPublic ? {} : { id: actor.id, front }) };
    if (!command.target && !place.workspace && mine.length !== 1)
      return { answer: { ok: true, code: 'you', details: you } };
    const { name, owner, reported } = await findTarget(command, context);
    const person = await store.findUser(tx, owner);
    const about = { name, owner: person?.name ?? owner, sessions: reported?.sessions ?? 0 };
    return { answer: { ok: true, code: 'owner', details: { ...you, ...about } } };
  },
} satisfies Command;
