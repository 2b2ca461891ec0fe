// The command that gives a coding agent something to do, in a workspace that it finds or makes like `up`.
import { CODING_AGENTS, type CodingAgent } from '../../agent/protocol.ts';
import { UserError } from '../errors.ts';
import { formatMicros, spentThisMonth } from '../tasks/store/spending.ts';
import { findPassed } from './maxima.ts';
import type { LimitPlace } from '../workspaces/store/limits.ts';
import { addTurn, countOpen, findWorker, isOver } from '../tasks/store/turns.ts';
import { findWorkspace } from '../workspaces/store/workspaces.ts';
import type { Workspace } from '../database/types.ts';
import type { Outcome, StartContext, StartingCommand } from './context.ts';
import type { ParsedCommand } from './parser/parsed.ts';
import { checkProposable } from './pr.ts';
import { findShared, findTarget } from './target.ts';
import { bringUp } from './up.ts';

/** Turns of a workspace that may wait, beside the one that is worked on. */
const MAX_WAITING = 10;

export const ask = {
  name: 'ask',
  aliases: ['claude', 'do'],
  summary: 'Has a coding agent work on what you say, in a workspace that it makes if there is none.',
  usage: 'ask [flags] WHAT YOU WANT DONE',
  examples: [
    'ask why does test_auth fail on main?',
    'ask --new fix the flaky test in auth_test.go',
    'ask --pr fix the typo in the README',
    'ask --agent codex why is the build slow?',
  ],
  who: 'People who can write to the repository, with a key of their own.',
  flags: {
    ws: { kind: 'name', summary: 'in which workspace of yours' },
    new: { kind: 'boolean', summary: 'in another workspace, though there is one already' },
    agent: { kind: 'text', values: CODING_AGENTS, summary: 'which one works on it' },
    pr: { kind: 'boolean', summary: 'opens a pull request with what it changed' },
  },
  takes: 'prompt',
  common: true,
  needsWrite: true,
  starts: true,
  isAboutPlace: true,
  continuesThread: true,
  forGuests: { may: 'drive', asks: true },
  async run(command, context) {
    const { prompt = '' } = command;
    await checkAsker(context);
    const { commandId, answer } = await bring(command, context);
    const workspace = answer.workspace && (await findWorkspace(context.tx, answer.workspace));
    if (!workspace) throw new Error('a workspace that was brought up has no row');
    await checkWorkspace(workspace, context);
    const agent = await chooseAgent(command, workspace, context);
    const { allow, deny } = context.policy;
    const proposes = command.flags['pr'] === true;
    if (proposes) checkProposable(workspace);
    const before = await addTurn(context.tx, {
      workspace,
      thread: context.place.thread,
      task: context.place.task?.id,
      agent,
      actor: context.actor.id,
      source: context.front,
      deliveryId: context.deliveryId,
      prompt,
      policy: { allow, deny },
      minutes: context.limits.askMinutes,
      proposes,
      budget: context.limits.budget ?? {},
    });
    const details = { name: workspace.name, before, agent };
    return {
      ...(commandId === undefined ? {} : { commandId }),
      answer: { ok: true, code: 'asked', details, workspace: workspace.id },
    };
  },
} satisfies StartingCommand;

/** The one that is named, the thread's, the place's; where no place has one, one's only. */
export async function bring(command: ParsedCommand, context: StartContext): Promise<Outcome> {
  const shared = await findShared(context, 'drive');
  // It is somebody else's: nothing of it is started here.
  if (shared) return { answer: { ok: true, code: 'ok', details: {}, workspace: shared.id } };
  if (command.target || context.repository) return bringUp(command, context);
  const { id } = await findTarget({ ...command, verb: `${command.verb} --ws` }, context);
  return bringUp({ ...command, target: { kind: 'name', name: id } }, context);
}

async function checkAsker({ tx, actor, limits, admins, codingAgents, place }: StartContext): Promise<void> {
  if (codingAgents.length === 0) throw new UserError('no-model-key', {});
  if (place.task && (await isOver(tx, place.task.id))) throw new UserError('conversation-over', {});
  const month = limits.budget?.month;
  if (month !== undefined && (await spentThisMonth(tx, actor.id)) >= month)
    throw new UserError('month-spent', { most: formatMicros(month) });
  await checkPace({ tx, limits, admins }, { owner: actor.id });
}

/** The one that is named, or goes on here, or is the repository's; else the first that there is a key for. Throws UserError. */
async function chooseAgent(
  { flags }: ParsedCommand,
  { id }: Workspace,
  { tx, front, place, policy, codingAgents, limits }: StartContext,
): Promise<CodingAgent> {
  const named = CODING_AGENTS.find((one) => one === flags['agent']);
  const at = { workspaceId: id, front, thread: place.thread };
  const worker = named ?? (await findWorker(tx, at, place.task?.id));
  const isSaid = named !== undefined || place.task !== undefined;
  const known = (one: CodingAgent | undefined) => codingAgents.find((agent) => agent === one);
  const agent = (isSaid ? worker : known(worker)) ?? known(policy.agent) ?? codingAgents[0];
  if (agent === undefined) throw new UserError('no-model-key', {});
  if (!codingAgents.includes(agent)) throw new UserError('no-model-key', { agent });
  if (UNCOUNTED.has(agent) && Object.keys(limits.budget ?? {}).length > 0)
    throw new UserError('costs-unknown', { agent });
  return agent;
}

/** Those that do not say what they cost. */
const UNCOUNTED: ReadonlySet<CodingAgent> = new Set(['codex']);

/** As often as that may be asked of anybody there. Throws UserError. */
async function checkPace(
  context: Pick<StartContext, 'tx' | 'limits' | 'admins'>,
  place: LimitPlace,
): Promise<void> {
  const passed = await findPassed(context, place, { tasks: 1 });
  if (!passed) return;
  const { most, holder: whom, called } = passed;
  if (whom === 'installation') return;
  throw new UserError('too-many-asks', { most, whom, called, admins: context.admins });
}

async function checkWorkspace(workspace: Workspace, context: StartContext): Promise<void> {
  await checkPace(context, { ...workspace, owner: context.actor.id });
  // Whoever sent that code must not spend what its owner pays for.
  if (workspace.fork) throw new UserError('no-asking-forks', { name: workspace.name });
  await checkQueue(workspace, context);
}

export async function checkQueue({ id, name }: Workspace, { tx }: StartContext): Promise<void> {
  if ((await countOpen(tx, id)) > MAX_WAITING) throw new UserError('queue-full', { name, most: MAX_WAITING });
}
