// The command that lets somebody else into a workspace, to look or to type, for a while.
import { meetPerson } from '../access/store/people.ts';
import { insertShare, listShares } from '../access/store/shares.ts';
import { UserError } from '../errors.ts';
import { keptUntil, MAX_KEPT_MS } from '../workspaces/expiry.ts';
import { touchCards } from '../workspaces/store/cards.ts';
import { change } from './change.ts';
import type { Command } from './context.ts';
import { findTarget } from './target.ts';

const DEFAULT = { ms: 2 * 3_600_000 };
/** In one workspace, at the same time. */
const MAX_GUESTS = 20;

export const share = {
  name: 'share',
  aliases: ['invite'],
  summary: 'Lets somebody who may read the repository into a workspace, for a while: to look on, or to type.',
  usage: 'share [target] @login',
  examples: ['share @bob', 'share api-412 @bob --drive --for 2h'],
  who: "The workspace's owner.",
  flags: {
    view: { kind: 'boolean', excludes: 'drive', summary: 'they look on; so it is if you do not say' },
    drive: { kind: 'boolean', excludes: 'view', summary: 'they may type as well, as you can' },
    for: { kind: 'duration', summary: 'how long, a week at most; two hours if you do not say' },
  },
  takes: 'target person',
  needsWrite: true,
  letsIn: true,
  async run(command, context) {
    const { tx, guest, now } = context;
    const workspace = await findTarget(command, context);
    const { id, name } = workspace;
    if (workspace.desired === 'deleted') throw new UserError('deleting', { name });
    const before = await listShares(tx, [id]);
    if (!guest)
      throw new UserError('share-whom', { verb: 'share', name, shared: before.map((one) => one.name) });
    const person = await meetPerson(tx, guest);
    if (person.id === workspace.owner) throw new UserError('share-self', {});
    if (before.filter((one) => one.person !== person.id).length >= MAX_GUESTS)
      throw new UserError('shares-full', { name, most: MAX_GUESTS });
    const wanted = command.flags['for'] ?? DEFAULT;
    const may = command.flags['drive'] === true ? 'drive' : 'view';
    const until = keptUntil(wanted, now) ?? now;
    const made = await insertShare(tx, workspace, { person: person.id, may, until });
    await touchCards(tx, [id]);
    const isCut = typeof wanted === 'object' && 'ms' in wanted && wanted.ms > MAX_KEPT_MS;
    const isRunning = workspace.phase === 'running' && workspace.desired === 'running';
    const details = {
      share: made.id,
      name,
      id,
      person: guest.login,
      may,
      until: until.toISOString(),
      isCut,
      isRunning,
    } as const;
    return change(workspace, command, context, { desired: null, said: { code: 'shared', details } });
  },
} satisfies Command;
