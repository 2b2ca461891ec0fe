// The command that lists workspaces.
import type { CommandSpec } from './command.ts';
import type { Workspace } from '../database/types.ts';
import * as store from '../workspaces/store.ts';
import type { ParsedCommand } from './parsed.ts';
import type { Command, Scene } from './scene.ts';

export const listSpec = {
  name: 'list',
  aliases: ['ls', 'ps'],
  summary: 'Lists your workspaces and where each stands.',
  usage: 'list',
  examples: ['list', 'list --repo acme/api', 'list --state running'],
  who: 'Everyone, for their own.',
  flags: {
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
    const mine = (await store.listWorkspaces(scene.tx, scene.actor.id)).filter(
      (workspace) => isAsked(workspace, command) && isTellable(workspace, scene),
    );
    return {
      answer: {
        ok: true,
        code: 'ok',
        ...(mine.length > 0
          ? { text: render(mine), isVerbatim: true }
          : { text: describeNone(command, scene) }),
      },
    };
  },
};

/** What everybody reads names no other repository. */
const isTellable = (workspace: Workspace, { front, place }: Scene): boolean =>
  front !== 'github' || workspace.repository === place.repository;

function isAsked(workspace: Workspace, { flags }: ParsedCommand): boolean {
  const { state, repo } = flags;
  if (typeof state === 'string' && workspace.phase !== state) return false;
  return typeof repo !== 'string' || workspace.repository.toLowerCase().endsWith(`/${repo.toLowerCase()}`);
}

const describeNone = ({ flags }: ParsedCommand, scene: Scene): string =>
  Object.keys(flags).length > 0
    ? `None of your workspaces is like that. All: ${scene.say('list')}.`
    : `You have no workspace yet. Make one: ${scene.say('up owner/name')}.`;

function render(all: Workspace[]): string {
  const rows = all.slice(0, MOST).map(rowOf);
  const widths = [0, 1, 2].map((column) =>
    Math.max(...[HEAD, ...rows].map((row) => row[column]?.length ?? 0)),
  );
  const lines = [HEAD, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [...lines, ...(all.length > MOST ? [`…and ${all.length - MOST} more`] : [])].join('\n');
}

const HEAD = ['NAME', 'PHASE', 'REPOSITORY', 'REF'];

const rowOf = (workspace: Workspace): string[] => [
  workspace.name,
  workspace.phase,
  workspace.repository.replace(/^https?:\/\/(github\.com\/)?/, ''),
  workspace.ref ?? '',
];
