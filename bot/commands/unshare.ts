// The command that lets somebody into a workspace no more.
import { matchPeople } from '../access/store/people.ts';
import { endShares, listShares } from '../access/store/shares.ts';
import { UserError } from '../errors.ts';
import { touchCards } from '../workspaces/store/cards.ts';
import { change } from './change.ts';
import type { Command } from './context.ts';
import { plain } from './parser/format.ts';
import { findTarget } from './target.ts';

export const unshare = {
  name: 'unshare',
  aliases: [],
  summary: 'Lets somebody into a workspace no more, and closes what they have open there.',
  usage: 'unshare [target] @login',
  examples: ['unshare @bob', 'unshare api-412 @bob'],
  who: "The workspace's owner.",
  flags: {},
  takes: 'target person',
  ends: true,
  async run(command, context) {
    const { tx, identity } = context;
    const workspace = await findTarget(command, context);
    const { id, name } = workspace;
    const open = await listShares(tx, [id]);
    const shared = open.map((one) => one.name);
    const { person: typed } = command;
    if (typed === undefined) throw new UserError('share-whom', { verb: 'unshare', name, shared });
    // Nobody is asked: what ends goes through whatever a forge says.
    const people = open.map(({ person }) => person);
    const meant = await matchPeople(tx, people, typed, identity?.source);
    // Where several are called so none of them is let in any more.
    const ended = open.filter(({ person }) => meant.has(person));
    const [first] = ended;
    if (!first) throw new UserError('not-shared', { name, typed: plain(typed), shared });
    for (const one of ended) await endShares(tx, one);
    await touchCards(tx, [id]);
    const details = { name, person: first.name };
    return change(workspace, command, context, { desired: null, said: { code: 'unshared', details } });
  },
} satisfies Command;
