// The command that lists workspaces.
import type { CommandSpec } from './command.ts';
import type { Workspace } from '../database/types.ts';
import { UserError } from '../errors.ts';
import * as store from '../workspaces/store.ts';
import type { ParsedCommand } from './parser/parsed.ts';
import type { Command, Outcome, Scene } from './context.ts';

export const listSpec = {
  name: 'list',
  aliases: ['ls', 'ps'],
  summary: 'Lists your workspaces and where each stands.',
  usage: 'list',
  examples: ['list', 'list --repo acme/api', 'list --state running', 'list --all'],
  who: 'Everyone, for their own; those who maintain a repository see with `--all` what others have of it.',
  flags: {
    all: {
      kind: 'boolean',
      short: 'a',
      summary: 'also what others have of this repository, for those who maintain it',
    },
    repo: { kind: 'repository', summary: 'only those of this repository' },
    state: {
      kind: 'text',
      values: ['queued', 'provisioning', 'preparing', 'running', 'stopping', 'stopped', 'deleting', 'failed'],
      summary: 'only those in this phase',
    },
  },
  takes: 'none',
  common: true,
} satisfies CommandSpec;

const MOST = 10;

export const list: Command = {
  ...listSpec,
  async run(command, scene) {
    if (command.flags['all'] === true && scene.front !== 'console') return answerAll(command, scene);
    const mine = (await store.listWorkspaces(scene.tx, scene.actor.id)).filter(
      (workspace) => isAsked(workspace, command) && isTellable(workspace, scene),
    );
    return answer(mine.length > 0 ? render(mine) : undefined, describeNone(command, scene));
  },
};

/** Everyone's of the place's repository. On the console there is one person, who sees their own anyway. */
async function answerAll(command: ParsedCommand, scene: Scene): Promise<Outcome> {
  const { repository } = scene.place;
  if (!scene.maintains || scene.maintains.toLowerCase() !== repository?.toLowerCase())
    throw new UserError(
      'forbidden',
      `${scene.say('list --all')} is for those who maintain the repository (the role maintain or admin). Yours: ${scene.say('list')}.`,
    );
  const all = (await store.listOfRepository(scene.tx, scene.maintains)).filter((one) =>
    isAsked(one, command),
  );
  return answer(
    all.length > 0 ? render(all) : undefined,
    `Nobody has a workspace of this repository. Make one: ${scene.say('up')}.`,
  );
}

const answer = (table: string | undefined, none: string): Outcome => ({
  answer: {
    ok: true,
    code: 'ok',
    ...(table === undefined ? { text: none } : { text: table, isVerbatim: true }),
  },
});

/** What everybody reads names no other repository. */
const isTellable = (workspace: Workspace, { front, place }: Scene): boolean =>
  front !== 'github' || workspace.repository === place.repository;

function isAsked(workspace: Workspace, { flags }: ParsedCommand): boolean {
  const { state, repo } = flags;
  if (typeof state === 'string' && workspace.phase !== state) return false;
  return typeof repo !== 'string' || workspace.repository.toLowerCase().endsWith(`/${repo.toLowerCase()}`);
}

function describeNone({ flags }: ParsedCommand, { front, say }: Scene): string {
  if (Object.keys(flags).length > 0) return `None of your workspaces is like that. All: ${say('list')}.`;
  return front === 'github'
    ? `You have no workspace of this repository. Make one: ${say('up')}.`
    : `You have no workspace yet. Make one: ${say('up owner/name')}.`;
}

type Listed = Workspace & { ownerName?: string };

function render(all: Listed[]): string {
  const head = ['NAME', 'PHASE', 'REPOSITORY', 'REF', ...(all[0]?.ownerName === undefined ? [] : ['OWNER'])];
  const rows = [head, ...all.slice(0, MOST).map(rowOf)];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [...lines, ...(all.length > MOST ? [`…and ${all.length - MOST} more`] : [])].join('\n');
}

const rowOf = (workspace: Listed): string[] => [
  workspace.name,
  workspace.phase,
  workspace.repository.replace(/^https?:\/\/(github\.com\/)?/, ''),
  workspace.ref ?? '',
  ...(workspace.ownerName === undefined ? [] : [workspace.ownerName]),
];
