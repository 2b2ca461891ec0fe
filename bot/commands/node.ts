// The command that makes a machine before its time, or takes one away.
import type { AnswerCodes, Said } from '../codes.ts';
import { UserError } from '../errors.ts';
import { mayName } from './audience.ts';
import { checkAdmin, type Command, type CommandContext, type Outcome } from './context.ts';
import { record, type AuditEntry } from '../access/store/audit.ts';
import type { Executor, Size } from '../database/types.ts';
import { forgetNode, retireNode } from '../workspaces/store/node-changes.ts';
import {
  findNodesByName,
  insertNode,
  listNodes,
  listNodesOf,
  lockNodesOf,
  newNode,
  type OwnNode,
} from '../workspaces/store/nodes.ts';
import { lockMachines } from '../workspaces/store/limits.ts';
import { RANKS } from '../workspaces/limits.ts';
import { chooseNode } from '../workspaces/placement.ts';
import { checkLimits } from './maxima.ts';
import { findOrphans, wishOrphan, type Orphan, type Wish } from '../workspaces/store/orphans.ts';
import type { ParsedCommand } from './parser/parsed.ts';
import { stopOne } from './stop.ts';
import { findByName, listWorkspaces } from '../workspaces/store/workspaces.ts';

export const node = {
  name: 'node',
  aliases: ['machine'],
  summary:
    'Makes a machine before a workspace needs it, or deletes one that none is on; `stop` stops what is on it.',
  usage: 'node new|rm|stop|adopt [MACHINE]',
  examples: [
    'node new --size large',
    'node rm vm-abcdefghijkl',
    'node stop vm-abcdefghijkl',
    'node rm vm-abcdefghijkl --orphan',
    'node adopt vm-abcdefghijkl',
  ],
  who: 'Everyone, their own; those who run Sam any.',
  flags: {
    size: { kind: 'size', short: 's', summary: 'how big a new one is' },
    orphan: { kind: 'boolean', summary: 'one of `nodes --orphans`: for those who run Sam' },
    gone: {
      kind: 'boolean',
      summary: 'it does not exist any more, and nobody has to look: for those who run Sam',
    },
  },
  takes: 'names',
  isForAdmins: true,
  destructive: true,
  async run(command, context) {
    const { words, flags } = command;
    const [first, name, ...rest] = words;
    const verb = first?.toLowerCase();
    if (verb === 'new' && name === undefined) return answer(await make(sizeOf(flags['size']), context));
    if ((verb !== 'rm' && verb !== 'stop' && verb !== 'adopt') || name === undefined || rest.length > 0)
      throw new UserError('which-node', {});
    const isOrphan = verb === 'adopt' || flags['orphan'] === true;
    const isGone = flags['gone'] === true;
    if (isOrphan || isGone) checkAdmin(context);
    const machine = name.toLowerCase();
    if (isOrphan) return answer(await changeOrphan(verb === 'adopt' ? 'adopt' : 'delete', machine, context));
    if (verb === 'stop') return answer(await stopAll(machine, command, context));
    return answer(await (isGone ? forget(machine, context) : remove(machine, context)));
  },
} satisfies Command;

type Words = Said<AnswerCodes>;

const answer = (said: Words): Outcome => ({ answer: { ok: true, ...said } });

const sizeOf = (said: unknown): Size => (typeof said === 'string' ? (said as Size) : 'medium');

/** Whoever has a workspace was let make machines, and is known to those who pay for them. Throws UserError. */
async function make(size: Size, context: CommandContext): Promise<Words> {
  const { tx, actor, provider, limits } = context;
  if (limits.nodeWarmMs === 0) throw new UserError('nodes-not-kept', {});
  if ((await listWorkspaces(tx, actor.id)).length === 0) throw new UserError('node-before-workspace', {});
  // Locks them: two at once do not both make one.
  const there = await lockNodesOf(tx, actor.id, provider);
  const free = there.filter((one) => one.workspaces === 0 && !one.node.isIsolated);
  const waiting = chooseNode(free, size, 0);
  if (waiting) return { code: 'node-waits', details: { name: waiting.name } };
  await lockMachines(tx);
  await checkLimits(context, { owner: actor.id }, { machines: 1, size: RANKS[size], hours: 1 });
  const made = newNode({ owner: actor.id, provider, size, isIsolated: false });
  await insertNode(tx, made, true);
  const minutes = Math.ceil(limits.nodeWarmMs / 60_000);
  return { code: 'node-comes', details: { name: made.name, size, minutes } };
}

/** Anybody's: who runs Sam knows what is there. */
async function forget(name: string, { tx }: CommandContext): Promise<Words> {
  const [found] = await findNodesByName(tx, [name]);
  if (!found) throw new UserError('no-node', { name, isAnybodys: true });
  await forgetNode(tx, found);
  return { code: 'node-forgotten', details: { name: found.name } };
}

/** One's own; for those who run Sam anybody's. Throws UserError. */
async function find(name: string, { tx, actor, isAdmin }: CommandContext): Promise<OwnNode> {
  const isIt = ({ node: one }: OwnNode): boolean => one.name === name || one.id === name;
  const found =
    (await listNodesOf(tx, actor.id)).find(isIt) ?? (isAdmin ? (await listNodes(tx)).find(isIt) : undefined);
  if (!found) throw new UserError('no-node', { name, isAnybodys: isAdmin });
  return found;
}

/** What runs there stops, and keeps its files; the machine stays for them. */
async function stopAll(name: string, command: ParsedCommand, context: CommandContext): Promise<Words> {
  const { tx } = context;
  const { node: machine } = await find(name, context);
  const there = (await listWorkspaces(tx, machine.owner)).filter(
    ({ nodeId, desired }) => nodeId === machine.id && desired === 'running',
  );
  for (const { id } of there) {
    const workspace = await findByName(tx, machine.owner, id);
    if (!workspace) continue;
    await stopOne(workspace, command, context);
    // What was said is about the machine: its owner looks for what became of each workspace.
    if (machine.owner !== context.actor.id) await record(tx, stoppedBy(context, machine.name, id));
  }
  return { code: 'node-stops', details: { name: machine.name, count: there.length } };
}

const stoppedBy = (
  { actor, front, place }: CommandContext,
  machine: string,
  workspace: string,
): AuditEntry => ({
  actor: actor.id,
  front,
  place: place.channel ?? place.topic,
  action: 'stop',
  target: machine,
  workspace,
  right: 'admin',
  result: 'ok',
});

async function remove(name: string, context: CommandContext): Promise<Words> {
  const { tx } = context;
  const { node: machine, workspaces } = await find(name, context);
  const details = { name: machine.name };
  if (machine.desired === 'deleted') return { code: 'node-going', details };
  const isFree = workspaces.length === 0 && (await retireNode(tx, machine));
  if (isFree) return { code: 'node-goes', details };
  const there = (await listWorkspaces(tx, machine.owner)).filter(({ nodeId }) => nodeId === machine.id);
  const nameable = new Set(there.filter((one) => mayName(context, one)).map((one) => one.name));
  const named = workspaces.filter((one) => nameable.has(one));
  throw new UserError('node-in-use', { name: machine.name, workspaces: named });
}

/** What is in doubt at the provider or in the DNS. The sweep does it. */
async function changeOrphan(wanted: Wish, word: string, { tx, actor }: CommandContext): Promise<Words> {
  const [orphan, ...others] = await findOrphans(tx, word);
  if (!orphan) throw new UserError('no-orphan', { name: word });
  if (others.length > 0)
    throw new UserError('ambiguous', { name: word, ids: [orphan, ...others].map(({ id }) => id) });
  if (wanted === 'adopt') await refuseAdoption(orphan, tx);
  await wishOrphan(tx, orphan.id, wanted, actor.id);
  const details = { name: orphan.name, id: orphan.id };
  return { code: wanted === 'adopt' ? 'orphan-adopted' : 'orphan-goes', details };
}

/** Only what a node stands for can be of use: an agent answers to the installation that it was made by. */
async function refuseAdoption({ kind, name }: Orphan, tx: Executor): Promise<void> {
  const [known] = kind === 'server' ? await findNodesByName(tx, [name]) : [];
  if (!known) throw new UserError('not-adoptable', { name });
}
