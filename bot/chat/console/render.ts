// A card as lines of plain text, for the console. Pure.
import type { FrontTraits } from '../../commands/command.ts';
import { plain } from '../../commands/parser/format.ts';
import { lookOfTurn, type ProposalView, type RunView, type TaskView, type TurnView } from '../turn-view.ts';
import {
  createSay,
  wordChanges,
  wordEnvironment,
  wordFailure,
  NOTHING_TO_PROPOSE,
  wordNotices,
  wordOffer,
  wordPorts,
  wordProposal,
  wordProposalFailure,
  wordQuestion,
  wordTask,
  wordOutput,
  wordRunEnd,
  wordShared,
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
  hasReviews: false,
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
  if (view.shared) lines.push(`  ${wordShared(view.shared)}`);
  if (notice) lines.push(`  ${notice}`);
  if (more) lines.push(`  ${more}`);
  if (view.phase === 'stopped') lines.push(`  ${keptWords(view)} Go on: start ${view.name}`);
  const ports = wordPorts(view.ports);
  if (ports) lines.push(`  ${ports}`);
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
export function renderTurn(turn: TurnView): string {
  const { workspace, state, answer, failure, changes, elapsedMs, cost, run, proposal, agent } = turn;
  const time = elapsedMs === undefined ? '' : formatSpan(elapsedMs);
  const how = run ? [wordRunEnd(run.exit, state, time)] : [wordTurnState(state), time, cost];
  const { text } = wordTurnFailure(failure, workspace.name, say, run ? 'shell' : agent);
  return [
    `${TURN_ICONS[lookOfTurn(turn)]} ${workspace.name}: ${how.filter(Boolean).join(' · ')}`,
    ...(run ? [`  $ ${plain(run.line, 200)}`] : []),
    ...(proposal ? [proposalOf(proposal, workspace.name)] : []),
    ...((state === 'failed' || failure) && !proposal ? [text] : []),
    ...(changes ? [wordChanges(changes)] : []),
    ...(changes?.files ?? []).map(({ path, added, removed }) => `  ${path} +${added} −${removed}`),
    ...(run ? outputOf(run) : [answer]),
    ...(turn.hasNothingToPropose ? [NOTHING_TO_PROPOSE] : []),
    ...(turn.canPropose ? [wordOffer(workspace.name, say)] : []),
  ]
    .filter(Boolean)
    .join('\n');
}

const proposalOf = (proposal: ProposalView, name: string): string =>
  proposal.failure
    ? wordProposalFailure(proposal.failure, name, say).text
    : `Pull request #${proposal.number} ${wordProposal(proposal)} ${proposal.url}`;

/** What a command line wrote, as far as it is read at once, and where the rest is. */
const outputOf = ({ exit, shown, more }: RunView): string[] => [
  shown,
  more === undefined ? '' : `${wordOutput(exit)}: ${more}`,
];

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
