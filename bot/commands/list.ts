// The command that lists workspaces.
import type { AnswerCodes } from '../codes.ts';
import type { Workspace } from '../database/types.ts';
import { UserError } from '../errors.ts';
import type { ParsedCommand } from './parser/parsed.ts';
import { isHere } from './audience.ts';
import type { Command, CommandContext, Outcome } from './context.ts';
import { listOfRepository, listWorkspaces } from '../workspaces/store/workspaces.ts';

const MAX_SHOWN = 10;

export const list = {
  name: 'list',
  aliases: ['ls', 'ps'],
  summary: 'Lists your workspaces and where each stands.',
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
    const isFiltered = Object.keys(command.flags).length > 0;
    return answer(mine, isFiltered ? 'filtered' : context.traits.isPublic ? 'none-here' : 'none-yet');
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

function answer(all: Listed[], why: AnswerCodes['no-workspaces']['why']): Outcome {
  if (all.length === 0) return { answer: { ok: true, code: 'no-workspaces', details: { why } } };
  const head = ['NAME', 'PHASE', 'REPOSITORY', 'REF', ...(all[0]?.ownerName === undefined ? [] : ['OWNER'])];
  const rows = [head, ...all.slice(0, MAX_SHOWN).map(rowOf)];
  return { answer: { ok: true, code: 'workspaces', details: { rows, more: all.length - MAX_SHOWN } } };
}

const rowOf = (workspace: Listed): string[] => [
  workspace.name,
  workspace.phase,
  workspace.repository.replace(/^https?:\/\/(github\.com\/)?/, ''),
  workspace.ref ?? '',
  ...(workspace.ownerName === undefined ? [] : [workspace.ownerName]),
];
