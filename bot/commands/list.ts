// The command that lists workspaces.
import type { AnswerCodes, Table } from '../codes.ts';
import type { Workspace } from '../database/types.ts';
import { UserError } from '../errors.ts';
import type { ParsedCommand } from './parser/parsed.ts';
import { isHere } from './audience.ts';
import type { Command, CommandContext, Outcome } from './context.ts';
import { listSharedWith, listShares, type OpenShare, type ReceivedShare } from '../access/store/shares.ts';
import { listOfRepository, listWorkspaces } from '../workspaces/store/workspaces.ts';

const MAX_SHOWN = 10;

export const list = {
  name: 'list',
  aliases: ['ls', 'ps'],
  summary:
    'Lists your workspaces, where each stands and with whom it is shared, and those that others share with you.',
  usage: 'list',
  examples: ['list', 'list --repo acme/api', 'list --state running', 'list --all'],
  who: 'Everyone, for their own; with `--all` those who maintain a repository see what others have of it, and those who run Sam see all.',
  flags: {
    all: {
      kind: 'boolean',
      short: 'a',
      summary:
        'also what others have: of this repository for those who maintain it, all for those who run Sam',
    },
    repo: { kind: 'repository', summary: 'only those of this repository' },
    state: {
      kind: 'text',
      values: ['queued', 'provisioning', 'preparing', 'running', 'stopping', 'stopped', 'deleting', 'failed'],
      summary: 'only those in this phase',
    },
  },
  takes: 'none',
  isForAdmins: true,
  gives: true,
  isForMaintainers: true,
  common: true,
  async run(command, context) {
    if (command.flags['all'] === true)
      return context.isAdmin ? answerEveryones(command, context) : answerAll(command, context);
    const mine = (await listWorkspaces(context.tx, context.actor.id)).filter(
      (workspace) => isAsked(workspace, command) && isHere(context, workspace),
    );
    const received = (await listSharedWith(context.tx, context.actor.id)).filter(
      ({ workspace }) => isAsked(workspace, command) && isHere(context, workspace),
    );
    const shares = await listShares(
      context.tx,
      mine.map(({ id }) => id),
    );
    const isFiltered = Object.keys(command.flags).length > 0;
    return answer(mine, isFiltered ? 'filtered' : context.traits.isPublic ? 'none-here' : 'none-yet', {
      shares,
      received,
    });
  },
} satisfies Command;

async function answerEveryones(command: ParsedCommand, { tx }: CommandContext): Promise<Outcome> {
  const all = (await listOfRepository(tx, undefined)).filter((one) => isAsked(one, command));
  return answer(all, 'none-at-all');
}

/** Everyone's of the place's repository. */
async function answerAll(command: ParsedCommand, { tx, place, maintains }: CommandContext): Promise<Outcome> {
  if (!maintains || maintains.toLowerCase() !== place.repository?.toLowerCase())
    throw new UserError('forbidden', { verb: 'list --all' });
  const all = await listOfRepository(tx, maintains);
  return answer(
    all.filter((one) => isAsked(one, command)),
    'nobodys',
  );
}

function isAsked(workspace: Workspace, { flags }: ParsedCommand): boolean {
  const { state, repo } = flags;
  if (typeof state === 'string' && workspace.phase !== state) return false;
  return typeof repo !== 'string' || workspace.repository.toLowerCase().endsWith(`/${repo.toLowerCase()}`);
}

type Listed = Workspace & { ownerName?: string };

/** What is shared now: of those that are listed, and with whoever asks. */
interface Sharing {
  shares: OpenShare[];
  received: ReceivedShare[];
}

const NONE_SHARED: Sharing = { shares: [], received: [] };

function answer(
  all: Listed[],
  why: AnswerCodes['no-workspaces']['why'],
  { shares, received }: Sharing = NONE_SHARED,
): Outcome {
  if (all.length + received.length === 0)
    return { answer: { ok: true, code: 'no-workspaces', details: { why } } };
  const shown = all.slice(0, MAX_SHOWN);
  const guestsOf = ({ id }: Listed): string => guests(shares.filter(({ workspaceId }) => workspaceId === id));
  const more = [
    ...(all[0]?.ownerName === undefined ? [] : [{ head: 'OWNER', of: (one: Listed) => one.ownerName ?? '' }]),
    ...(shown.some(guestsOf) ? [{ head: 'SHARED WITH', of: guestsOf }] : []),
  ];
  const rows = [
    [...HEADS, ...more.map(({ head }) => head)],
    ...shown.map((one) => [...cellsOf(one), ...more.map(({ of }) => of(one))]),
  ];
  const details = {
    rows: all.length > 0 ? rows : [],
    more: all.length - MAX_SHOWN,
    ...(received.length > 0 && { received: receivedTable(received) }),
  };
  return { answer: { ok: true, code: 'workspaces', details } };
}

const HEADS = ['NAME', 'PHASE', 'REPOSITORY', 'REF'];

const cellsOf = ({ name, phase, repository, ref }: Workspace): string[] => [
  name,
  phase,
  repository.replace(/^https?:\/\/(github\.com\/)?/, ''),
  ref ?? '',
];

/** A row is no list: the card, and `who`, name all of them. */
const MAX_GUESTS = 3;

function guests(shares: OpenShare[]): string {
  const more = shares.length - MAX_GUESTS;
  const names = shares.slice(0, MAX_GUESTS).map(({ name }) => name);
  return [...names, ...(more > 0 ? [`${more} more`] : [])].join(', ');
}

function receivedTable(received: ReceivedShare[]): Table {
  const rows = received
    .slice(0, MAX_SHOWN)
    .map(({ workspace, ownerName, may, until }) => [
      ...cellsOf(workspace),
      ownerName,
      may === 'view' ? 'look' : 'type',
      `${until.toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    ]);
  return { rows: [[...HEADS, 'OWNER', 'YOU MAY', 'UNTIL'], ...rows], more: received.length - MAX_SHOWN };
}
