// The command that says whose a workspace is.
import { listShares } from '../access/store/shares.ts';
import { isHere } from './audience.ts';
import { findSharedTarget, findTarget } from './target.ts';
import type { Command } from './context.ts';
import { findUser } from '../workspaces/store/users.ts';
import { listWorkspaces } from '../workspaces/store/workspaces.ts';

export const who = {
  name: 'who',
  aliases: ['whoami'],
  summary:
    'Says who you are here, whose a workspace is, with whom it is shared and how many terminals are open in it.',
  usage: 'who [target]',
  examples: ['who', 'who api-412'],
  who: 'Everyone, about themselves, their own workspaces and those that are shared with them.',
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
    const received = await findSharedTarget(command, context);
    const isLent = received !== undefined && isHere(context, received.workspace);
    const workspace = isLent ? received.workspace : await findTarget(command, context);
    const { id, name, owner, reported } = workspace;
    const person = await findUser(tx, owner);
    const shared = isLent ? [] : await listShares(tx, [id]);
    const about = {
      name,
      owner: person?.name ?? owner,
      sessions: reported?.sessions ?? 0,
      ...(isLent && { lent: { may: received.may, until: received.until.toISOString() } }),
      ...(shared.length > 0 && {
        shared: shared.map((one) => ({ name: one.name, may: one.may, until: one.until.toISOString() })),
      }),
    };
    return { answer: { ok: true, code: 'owner', details: { ...you, ...about } } };
  },
} satisfies Command;
