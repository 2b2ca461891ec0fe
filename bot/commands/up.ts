// The command that asks for a workspace.
import type { CommandSpec } from './command.ts';
import type { Fork, Workspace } from '../database/types.ts';
import { UserError } from '../errors.ts';
import type { Repository } from '../forges/forge.ts';
import { newWorkspaceId, randomBase32 } from '../ids.ts';
import * as store from '../workspaces/store.ts';
import { findTarget } from './find.ts';
import { keptUntil } from '../workspaces/expiry.ts';
import { checkGate, letIn, noticesOfFiles, refuseTrustByName } from '../workspaces/fork.ts';
import { chooseName } from '../workspaces/naming.ts';
import type { ParsedCommand } from './parser/parsed.ts';
import type { Command, Outcome, Scene } from './context.ts';
import { refuseGoing } from './change.ts';

export const upSpec = {
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
} satisfies CommandSpec;

export const up: Command = {
  ...upSpec,
  async run(command, scene) {
    // `up NAME` of one that is there is a wish to have it running.
    if (command.target?.kind === 'name') {
      refuseTrustByName(command, scene);
      const workspace = await findTarget(command, scene);
      checkGate(workspace, scene);
      return wakeUp({ workspace }, command, scene);
    }
    const { repository } = scene;
    if (!repository)
      throw new UserError('no-repository', `Which repository? For example ${scene.say('up owner/name')}.`);
    const found = await makeOrFind(command, scene, repository);
    return found.isNew ? answerNew(found.workspace, command, scene) : wakeUp(found, command, scene);
  },
};

interface Found {
  workspace: Workspace;
  isNew?: boolean;
  /** Its fork, as it is now. */
  fork?: Fork | undefined;
  /** The head of its pull request. */
  commit?: string | null;
}

async function makeOrFind(command: ParsedCommand, scene: Scene, repository: Repository): Promise<Found> {
  const named = textOf(command.flags['ref']);
  const ref = named ?? repository.ref ?? null;
  const commit = named === undefined ? (repository.commit ?? null) : null;
  const key = keyOf(repository, ref, scene.actor.id, command.flags['new'] === true);
  const held = await store.findByKey(scene.tx, key);
  const fork = letIn(command, scene, repository, held);
  if (held) return { workspace: held, fork, commit };
  const taken = await store.takenNames(scene.tx, scene.actor.id);
  if (scene.limits.workspacesPerUser > 0 && taken.size >= scene.limits.workspacesPerUser)
    throw new UserError(
      'too-many',
      `You have ${taken.size} workspaces, which is the most a person may have. Delete one: ${scene.say('list')} shows them.`,
    );
  const made = await store.insertWorkspace(scene.tx, {
    id: newWorkspaceId(),
    key,
    owner: scene.actor.id,
    name: chooseName(textOf(command.flags['name']), repository, taken, command.line, scene.say),
    repository: repository.url,
    ref,
    commit,
    fork: fork ?? null,
    topic: topicOf(repository),
    isPrivate: repository.isPrivate ?? null,
    size: (textOf(command.flags['size']) ?? repository.size ?? 'medium') as Workspace['size'],
    keptUntil: keptUntil(command.flags['expiry'], scene.now) ?? null,
    idleTimeMs: repository.idleTimeMs ?? null,
  });
  return { ...made, fork, commit };
}

/** Of a pull request or an issue. */
const topicOf = ({ label, goal }: Repository): string | null =>
  goal ? `${label}#${goal.split(':')[1]}` : null;

/** One `up`, one workspace: the same from every front. */
function keyOf(repository: Repository, ref: string | null, owner: string, isAnother: boolean): string {
  const goal = repository.goal ?? `ref:${ref ?? 'HEAD'}`;
  return [repository.url.toLowerCase(), goal, owner, ...(isAnother ? [randomBase32(8)] : [])].join('|');
}

async function answerNew(workspace: Workspace, command: ParsedCommand, scene: Scene): Promise<Outcome> {
  await store.announce(scene.tx);
  const commandId = await record(workspace, command, scene);
  return {
    commandId,
    answer: { ok: true, code: 'ok', text: '', workspace: workspace.id, link: 'when-running' },
  };
}

async function wakeUp(found: Found, command: ParsedCommand, scene: Scene): Promise<Outcome> {
  const { workspace, fork } = found;
  const isRunning = workspace.desired === 'running' && workspace.phase !== 'failed';
  const kept = keptUntil(command.flags['expiry'], scene.now);
  const patch: store.WorkspacePatch = {
    ...(isRunning ? {} : { ...store.startAgain(workspace), ...pinAnew(found) }),
    ...(kept ? { keptUntil: kept } : {}),
    ...(fork && !isSame(fork, workspace.fork) ? { fork, notice: noticesOfFiles(workspace, fork) } : {}),
  };
  const isChanged = Object.keys(patch).length > 0;
  refuseGoing(workspace, patch, scene);
  const current = isChanged ? await store.changeWorkspace(scene.tx, workspace, patch) : workspace;
  const commandId = await record(current, command, scene);
  const text = isRunning ? `\`${workspace.name}\` is there already.` : '';
  return { commandId, answer: { ok: true, code: 'ok', text, workspace: workspace.id, link: 'when-running' } };
}

/** As long as nothing was checked out, the newest head is the one to take. */
const pinAnew = ({ workspace, commit }: Found): store.WorkspacePatch =>
  commit && workspace.commit !== null && workspace.reported?.commit === undefined ? { commit } : {};

const isSame = (one: Fork, other: Fork | null): boolean =>
  one.head === other?.head && one.trusted === other.trusted;

const record = (workspace: Workspace, command: ParsedCommand, scene: Scene): Promise<number> =>
  store.recordCommand(scene.tx, workspace, {
    actor: scene.actor.id,
    front: scene.front,
    verb: 'up',
    line: command.line,
    desired: 'running',
  });

const textOf = (flag: unknown): string | undefined => (typeof flag === 'string' ? flag : undefined);
