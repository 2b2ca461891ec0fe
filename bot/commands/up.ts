// The command that asks for a workspace.
import type { Fork, Workspace } from '../database/types.ts';
import { UserError } from '../errors.ts';
import { newWorkspaceId, randomBase32 } from '../ids.ts';
import { findTarget } from './target.ts';
import { keptUntil } from '../workspaces/expiry.ts';
import { admit, noticesOfFiles, letIn, refuseTrustByName } from '../workspaces/fork.ts';
import { RANKS } from '../workspaces/limits.ts';
import { chooseName, topicOf } from '../workspaces/naming.ts';
import type { ParsedCommand } from './parser/parsed.ts';
import { start } from './change.ts';
import { channelOf, checkLimits } from './maxima.ts';
import type { Repository } from '../forges/forge.ts';
import type { Outcome, StartContext, StartingCommand } from './context.ts';
import type { QuietPatch } from '../workspaces/store/workspace-changes.ts';
import { announce, findByKey, insertWorkspace, takenNames } from '../workspaces/store/workspaces.ts';

export const up = {
  name: 'up',
  aliases: ['create', 'new', 'workspace', 'ws', 'launch'],
  summary:
    'Makes a workspace for a repository, branch, pull request or issue, or shows the one that is there.',
  usage: 'up [target]',
  examples: ['up', 'up acme/api@fix-login --expiry 2d', 'up #412 --size large'],
  who: 'People who can write to the repository.',
  flags: {
    size: { kind: 'size', short: 's', summary: 'how big its machine is' },
    name: { kind: 'name', summary: 'what to call it; names are unique among yours' },
    ref: { kind: 'ref', summary: 'the branch, tag or commit to check out' },
    config: {
      kind: 'text',
      summary: 'which of its container configurations: the name of its folder in `.devcontainer`',
    },
    expiry: { kind: 'duration', summary: 'keeps it at least this long, however idle; a week at most' },
    'trust-fork': {
      kind: 'commit',
      needsMaintain: true,
      summary: 'starts a pull request from a fork at this commit, its head, without credentials',
    },
    new: { kind: 'boolean', summary: 'makes another one, though there is one already' },
  },
  takes: 'target',
  common: true,
  needsWrite: true,
  starts: true,
  isAboutPlace: true,
  run: bringUp,
} satisfies StartingCommand;

/**
 * Finds the workspace that the words mean, or makes it, past the gate, and wants it running. `at`: the commit that its files are to be
 * of, where that may be another than the place's newest.
 */
export async function bringUp(command: ParsedCommand, context: StartContext, at?: string): Promise<Outcome> {
  // `up NAME` of one that is there is a wish to have it running.
  if (command.target?.kind === 'name') {
    if (command.flags['trust-fork'] !== undefined) refuseTrustByName();
    return wakeUp({ workspace: await findTarget(command, context) }, command, context);
  }
  const { repository } = context;
  if (!repository) throw new UserError('which-repository', { verb: command.verb });
  const found = await makeOrFind(command, context, repository, at);
  return found.isNew ? answerNew(found.workspace, command, context) : wakeUp(found, command, context);
}

interface Found {
  workspace: Workspace;
  isNew?: boolean;
  /** Its fork, as it is now. */
  fork?: Fork | undefined;
  /** The head of its pull request. */
  commit?: string | null;
}

async function makeOrFind(
  command: ParsedCommand,
  context: StartContext,
  repository: Repository,
  at?: string,
): Promise<Found> {
  const named = textOf(command.flags['ref']);
  const ref = named ?? repository.ref ?? null;
  const commit = at ?? (named === undefined ? (repository.commit ?? null) : null);
  const { key, held } = await findHeld(command, context, repository, { ref, at });
  const fork = letIn(repository, {
    said: textOf(command.flags['trust-fork']),
    hasRef: named !== undefined,
    held: held?.fork,
    place: context.place.topic,
  });
  if (held) return { workspace: held, fork, commit };
  const taken = await takenNames(context.tx, context.actor.id);
  const size = (textOf(command.flags['size']) ?? repository.size ?? 'medium') as Workspace['size'];
  const place = { owner: context.actor.id, repository: repository.url, channel: channelOf(context) };
  await checkLimits(context, place, { workspaces: 1, size: RANKS[size], hours: 1 });
  const name = chooseName(textOf(command.flags['name']), repository, taken, command.line);
  const origin = { name, fork: fork ?? null, topic: topicOf(repository) };
  const wanted = {
    ...origin,
    id: newWorkspaceId(),
    key,
    owner: context.actor.id,
    repository: repository.url,
    ref,
    configuration: textOf(command.flags['config']) ?? null,
    commit,
    isPrivate: repository.isPrivate ?? null,
    size,
    channel: place.channel,
    keptUntil: keptUntil(command.flags['expiry'], context.now) ?? null,
    idleTimeMs: repository.idleTimeMs ?? null,
  };
  const made = await insertWorkspace(context.tx, admit(origin, context.heads), wanted);
  return { ...made, fork, commit };
}

/** The one that is there, unless its files are of another commit than is wanted; then one beside it, the same for each such commit. */
async function findHeld(
  { flags }: ParsedCommand,
  { tx, actor }: StartContext,
  repository: Repository,
  { ref, at }: { ref: string | null; at: string | undefined },
): Promise<{ key: string; held: Workspace | undefined }> {
  const key = keyOf(repository, ref, actor.id, flags['new'] === true ? randomBase32(8) : undefined);
  const held = await findByKey(tx, key);
  const commit = held ? (held.reported?.commit ?? held.commit) : repository.commit;
  if (at === undefined || at === commit) return { key, held };
  const beside = keyOf(repository, ref, actor.id, at);
  return { key: beside, held: await findByKey(tx, beside) };
}

/** One `up`, one workspace: the same from every front. `apart`: what tells it from the others there. */
function keyOf(repository: Repository, ref: string | null, owner: string, apart?: string): string {
  const goal = repository.goal ?? `ref:${ref ?? 'HEAD'}`;
  return [repository.url.toLowerCase(), goal, owner, ...(apart === undefined ? [] : [apart])].join('|');
}

async function answerNew(
  workspace: Workspace,
  command: ParsedCommand,
  context: StartContext,
): Promise<Outcome> {
  await announce(context.tx);
  return start(workspace, admit(workspace, context.heads), command, context, { isRunning: true });
}

async function wakeUp(found: Found, command: ParsedCommand, context: StartContext): Promise<Outcome> {
  const { workspace, fork } = found;
  const admission = admit({ ...workspace, ...(fork ? { fork } : {}) }, context.heads);
  const { name } = workspace;
  const configuration = textOf(command.flags['config']) ?? workspace.configuration;
  // Another container takes a new beginning.
  const isSame = configuration === workspace.configuration;
  const isRunning = workspace.desired === 'running' && workspace.phase !== 'failed' && isSame;
  const kept = keptUntil(command.flags['expiry'], context.now);
  const patch: Omit<QuietPatch, 'desired'> = {
    ...(isRunning ? {} : pinAnew(found)),
    ...(isSame ? {} : { configuration }),
    ...(kept ? { keptUntil: kept } : {}),
    ...(fork && !isSameFork(fork, workspace.fork) ? { fork, notice: noticesOfFiles(workspace, fork) } : {}),
  };
  return start(workspace, admission, command, context, {
    patch: Object.keys(patch).length > 0 ? patch : undefined,
    isRunning,
    said: isRunning ? { code: 'there-already', details: { name } } : undefined,
  });
}

/** As long as nothing was checked out, the newest head is the one to take. */
const pinAnew = ({ workspace, commit }: Found): { commit?: string } =>
  commit && workspace.commit !== null && workspace.reported?.commit === undefined ? { commit } : {};

const isSameFork = (one: Fork, other: Fork | null): boolean =>
  one.head === other?.head && one.trusted === other.trusted;

const textOf = (flag: unknown): string | undefined => (typeof flag === 'string' ? flag : undefined);
