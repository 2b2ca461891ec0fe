// The command that asks for a workspace.
import type { CommandSpec } from './command.ts';
import type { Workspace } from '../database/types.ts';
import { UserError } from '../errors.ts';
import { newWorkspaceId, randomBase32 } from '../ids.ts';
import * as store from '../workspaces/store.ts';
import { findTarget } from './find.ts';
import { keptUntil } from './expiry.ts';
import { chooseName } from './naming.ts';
import type { ParsedCommand } from './parsed.ts';
import type { Command, Outcome, Repository, Scene } from './scene.ts';

export const upSpec = {
  name: 'up',
  aliases: ['create', 'new', 'workspace', 'ws', 'launch'],
  summary:
    'Makes a workspace for a repository, branch, pull request or issue, or shows the one that is there.',
  usage: 'up [target]',
  examples: ['up', 'up acme/api@fix-login --expiry 2d', 'up #412 --size large'],
  who: 'People who can write to the repository.',
  flags: {
    size: { kind: 'size', short: 's', summary: 'how big its node is' },
    name: { kind: 'name', summary: 'what to call it; names are unique among yours' },
    ref: { kind: 'ref', summary: 'the branch, tag or commit to check out' },
    expiry: { kind: 'duration', summary: 'keeps it at least so long, however idle' },
    new: { kind: 'boolean', summary: 'makes another one though there is one already' },
  },
  takes: 'target',
  common: true,
  needsWrite: true,
  isAboutPlace: true,
} satisfies CommandSpec;

export const up: Command = {
  ...upSpec,
  async run(command, scene) {
    // `up NAME` of one that is there is a wish to have it running.
    if (command.target?.kind === 'name') return wakeUp(await findTarget(command, scene), command, scene);
    const { repository } = scene;
    if (!repository)
      throw new UserError('no-repository', `Which repository? For example ${scene.say('up owner/name')}.`);
    const { workspace, isNew } = await makeOrFind(command, scene, repository);
    return isNew ? answerNew(workspace, command, scene) : wakeUp(workspace, command, scene);
  },
};

async function makeOrFind(
  command: ParsedCommand,
  scene: Scene,
  repository: Repository,
): Promise<{ workspace: Workspace; isNew: boolean }> {
  const ref = textOf(command.flags['ref']) ?? repository.ref ?? null;
  const key = keyOf(repository, ref, scene.actor.id, command.flags['new'] === true);
  const held = await store.findByKey(scene.tx, key);
  if (held) return { workspace: held, isNew: false };
  const taken = await store.takenNames(scene.tx, scene.actor.id);
  if (scene.limits.workspacesPerUser > 0 && taken.size >= scene.limits.workspacesPerUser)
    throw new UserError(
      'too-many',
      `You have ${taken.size} workspaces, which is the most a person may have. Delete one: ${scene.say('list')} shows them.`,
    );
  return store.insertWorkspace(scene.tx, {
    id: newWorkspaceId(),
    key,
    owner: scene.actor.id,
    name: chooseName(textOf(command.flags['name']), repository, taken, command.line, scene.say),
    repository: repository.url,
    ref,
    topic: topicOf(repository),
    size: (textOf(command.flags['size']) ?? repository.size ?? 'medium') as Workspace['size'],
    keptUntil: keptUntil(command.flags['expiry'], scene.now) ?? null,
    idleTimeMs: repository.idleTimeMs ?? null,
  });
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

async function wakeUp(workspace: Workspace, command: ParsedCommand, scene: Scene): Promise<Outcome> {
  const isRunning = workspace.desired === 'running' && workspace.phase !== 'failed';
  const kept = keptUntil(command.flags['expiry'], scene.now);
  const current =
    isRunning && !kept
      ? workspace
      : await store.changeWorkspace(scene.tx, workspace, {
          ...(isRunning ? {} : store.startAgain(workspace)),
          ...(kept ? { keptUntil: kept } : {}),
        });
  const commandId = await record(current, command, scene);
  const text = isRunning ? `\`${workspace.name}\` is there already.` : '';
  return { commandId, answer: { ok: true, code: 'ok', text, workspace: workspace.id, link: 'when-running' } };
}

const record = (workspace: Workspace, command: ParsedCommand, scene: Scene): Promise<number> =>
  store.recordCommand(scene.tx, workspace, {
    actor: scene.actor.id,
    front: scene.front,
    verb: 'up',
    line: command.line,
    desired: 'running',
  });

const textOf = (flag: unknown): string | undefined => (typeof flag === 'string' ? flag : undefined);
