// A card as lines of plain text, for the console. Pure.
import type { FrontTraits } from '../../commands/command.ts';
import type { ProposalView, TaskView, TurnView } from '../turn-view.ts';
import {
  createSay,
  wordChanges,
  wordEnvironment,
  wordFailure,
  NOTHING_TO_PROPOSE,
  wordNotices,
  wordOffer,
  wordProposal,
  wordProposalFailure,
  wordQuestion,
  wordTask,
  wordTurnFailure,
  wordTurnState,
  wordUsage,
} from '../wording.ts';
import { formatSpan, formatTime, keptWords } from '../times.ts';
import { lookOf, type CardView, type CheckItem } from '../view.ts';

const ICONS: Record<ReturnType<typeof lookOf>, string> = {
  queued: '…',
  provisioning: '…',
  preparing: '…',
  running: '✓',
  stopping: '…',
  stopped: '■',
  deleting: '…',
  deleted: '✓',
  failed: '✗',
  silent: '!',
};

const MARKS: Record<CheckItem['state'], string> = { done: '✓', doing: '…', todo: '·', failed: '✗' };

/** Here no line needs a trigger. */
export const TRIGGER = '';
const say = createSay(TRIGGER);

export const atTerminal: FrontTraits = {
  title: 'the console',
  isPublic: false,
  isOperator: true,
  hasChannels: false,
  hasLinkedAccounts: false,
  about: 'workspace',
};

/** The whole card; the first line is its title. `next`: what to do after a failure, where nobody can type another line. */
export function renderPlain(view: CardView, next?: string): string[] {
  const title = `${ICONS[lookOf(view)]} ${view.name}: ${view.doing}${view.isSettled ? '' : ` · ${formatSpan(view.elapsedMs)}`}`;
  const notice = wordNotices(view.notices, say);
  if (view.phase === 'deleted') return [title, ...(notice ? [`  ${notice}`] : [])];
  const commit = view.commit ? ` (${view.commit})` : '';
  const { where, more } = wordEnvironment(view.environment, view.name, say);
  const about = [`${view.source}${commit}`, view.size, where, view.id].filter(Boolean);
  const lines = [title, `  ${about.join(' · ')}`];
  if (view.checklist.length > 0 && !view.isSettled)
    lines.push(`  ${view.checklist.map((item) => `${MARKS[item.state]} ${item.label}`).join('   ')}`);
  if (view.failure !== undefined) {
    const words = wordFailure(view.failure, view.name, say);
    lines.push(`  ${words.text} (${words.side})`, `  Next: ${next ?? words.next}`);
  }
  if (view.task) lines.push(...taskLines(view.task));
  if (notice) lines.push(`  ${notice}`);
  if (more) lines.push(`  ${more}`);
  if (view.phase === 'stopped') lines.push(`  ${keptWords(view)} Go on: start ${view.name}`);
  if (view.usage) lines.push(`  Models: ${wordUsage(view.usage)}`);
  // Whoever cannot type a retry cannot keep it either.
  if (view.expiry && (view.failure === undefined || next === undefined))
    lines.push(
      `  ${view.isExpiring ? 'Stops soon' : 'Stops'} at ${formatTime(view.expiry)} if idle. Keep it: extend ${view.name} 4h`,
    );
  return lines;
}

const taskLines = (task: TaskView): string[] => [
  `  ${[wordTask(task), task.cost].filter(Boolean).join(' · ')}`,
  ...task.plan.map(({ label, state }) => `    ${MARKS[state]} ${label}`),
  ...task.questions.map((question) => `  ${wordQuestion(question, task.questions.length === 1, say)}`),
];

/** What came of a turn: how it ended first. */
export function renderTurn({
  workspace,
  state,
  answer,
  failure,
  changes,
  elapsedMs,
  cost,
  proposal,
  canPropose,
  hasNothingToPropose,
}: TurnView): string {
  const time = elapsedMs === undefined ? '' : formatSpan(elapsedMs);
  const title = [`${TURN_ICONS[state]} ${workspace.name}: ${wordTurnState(state)}`, time, cost];
  return [
    title.filter(Boolean).join(' · '),
    ...(proposal ? [proposalOf(proposal, workspace.name)] : []),
    ...(state === 'failed' && !proposal ? [wordTurnFailure(failure, workspace.name, say).text] : []),
    ...(changes ? [wordChanges(changes)] : []),
    ...(changes?.files ?? []).map(({ path, added, removed }) => `  ${path} +${added} −${removed}`),
    ...(answer === '' ? [] : [answer]),
    ...(hasNothingToPropose ? [NOTHING_TO_PROPOSE] : []),
    ...(canPropose ? [wordOffer(workspace.name, say)] : []),
  ].join('\n');
}

const proposalOf = (proposal: ProposalView, name: string): string =>
  proposal.failure
    ? wordProposalFailure(proposal.failure, name, say).text
    : `Pull request #${proposal.number} ${wordProposal(proposal)} ${proposal.url}`;

const TURN_ICONS: Record<TurnView['state'], string> = {
  queued: '…',
  running: '…',
  asking: '…',
  done: '✓',
  failed: '✗',
  cancelled: '■',
};

/** One line for logs and pipes: what is being done now. Empty when all is done: the card says that. */
export const renderProgress = (view: CardView): string =>
  view.isSettled ? '' : `${view.name}: ${view.doing}`;
