// Cards and answers as Slack's Block Kit, within its limits. Pure. Whatever is shown, nobody is mentioned and nothing of
// it is markup of Slack's that a name or a log brought along.
import {
  createSay,
  OUTPUT_NOTE,
  wordChanges,
  wordEnvironment,
  wordFailure,
  wordPorts,
  wordNotices,
  NOTHING_TO_PROPOSE,
  wordProposal,
  wordProposalFailure,
  wordOutput,
  wordQuestion,
  wordRunEnd,
  wordShared,
  wordTask,
  wordTurnFailure,
  wordTurnState,
  wordUsage,
  type Say,
} from '../wording.ts';
import { inPieces } from '../pieces.ts';
import { lookOfTurn, type ProposalView, type RunView, type TaskView, type TurnView } from '../turn-view.ts';
import { formatSpan, formatTime, keptWords } from '../times.ts';
import { redact } from '../../../agent/redact.ts';
import { escapeText, code, cut, escape, fences, MAX_SECTION, split, toMrkdwn } from './mrkdwn.ts';
import { lookOf, type CardView, type CheckItem } from '../view.ts';

/** What `chat.postMessage` and its kin take; `text` is for notifications and screen readers. */
export interface SlackMessage {
  text: string;
  blocks: Block[];
}

export type Block =
  | { type: 'section'; text: Mrkdwn }
  | { type: 'context'; elements: Mrkdwn[] }
  | { type: 'actions'; block_id: string; elements: Element[] }
  // docs.slack.dev/reference/block-kit/blocks/plan-block and task-card-block; what they call plain text is a string.
  | { type: 'plan'; title: string; tasks: TaskCard[] };

interface TaskCard {
  type: 'task_card';
  task_id: string;
  title: string;
  status: 'pending' | 'in_progress' | 'complete';
}

interface Mrkdwn {
  type: 'mrkdwn';
  text: string;
  /** Else Slack would make links and mentions of what looks like one. */
  verbatim: true;
}

interface PlainText {
  type: 'plain_text';
  text: string;
}

export type Element =
  | { type: 'button'; action_id: string; value: string; text: PlainText; style?: 'primary' | 'danger' }
  | { type: 'overflow'; action_id: string; options: { text: PlainText; value: string }[] };

/** A button: what stands on it, and the line that a press on it says. */
export interface Button {
  label: string;
  line: string;
  style?: 'primary' | 'danger';
}

/** A line that asks back before it does anything. */
export const QUESTION = '?';
/** Marks the blocks of cards: a press on one names its workspace. */
export const CARD_BLOCK = 'card:';

const MAX_TEXT = 3_000;
const MAX_LINE = 140;

const ICONS: Record<ReturnType<typeof lookOf>, string> = {
  queued: ':hourglass_flowing_sand:',
  provisioning: ':hourglass_flowing_sand:',
  preparing: ':hourglass_flowing_sand:',
  running: ':white_check_mark:',
  stopping: ':black_square_for_stop:',
  stopped: ':black_square_for_stop:',
  deleting: ':wastebasket:',
  deleted: ':wastebasket:',
  failed: ':x:',
  silent: ':warning:',
};

/** The card of a workspace. `trigger`: what commands begin with here. */
export function renderCard(view: CardView, trigger: string): SlackMessage {
  const time = view.isSettled ? '' : ` · ${formatSpan(view.elapsedMs)}`;
  const title = `${ICONS[lookOf(view)]} *${code(view.name)}* ${escapeText(view.doing, 200)}${time}`;
  const commit = view.commit ? ` @ ${code(view.commit)}` : '';
  const { where, more } = wordEnvironment(view.environment, view.name, createSay(trigger));
  const about = [
    `${code(view.source)}${commit}`,
    escapeText(view.size, 40),
    toMrkdwn(where),
    `for ${code(view.owner)}`,
    view.usage ? wordUsage(view.usage) : '',
  ];
  const rows = view.phase === 'deleted' ? [] : bodyOf(view, trigger);
  const said = wordNotices(view.notices, createSay(trigger));
  const shared = view.shared ? [`:busts_in_silhouette: ${toMrkdwn(wordShared(view.shared))}`] : [];
  const notices = [said, more].filter(Boolean).map((one) => `:information_source: ${toMrkdwn(one)}`);
  const buttons = [...taskButtons(view), ...buttonsOf(view)];
  return {
    text: cut(`${escapeText(view.name, 100)}: ${escapeText(view.doing, 200)}`, MAX_TEXT),
    blocks: [
      section([title, about.filter(Boolean).join(' · ')].join('\n')),
      ...rows.map((row) => section(row)),
      ...(view.task ? taskBlocks(view.task, createSay(trigger)) : []),
      ...[...notices, ...shared].map((row) => section(row)),
      ...(buttons.length > 0 ? [actions(`${CARD_BLOCK}${view.id}`, buttons, menuOf(view))] : []),
      { type: 'context', elements: [mrkdwn([expiryOf(view), view.id].filter(Boolean).join(' · '))] },
    ],
  };
}

function bodyOf(view: CardView, trigger: string): string[] {
  const rows: string[] = [];
  const ports = wordPorts(view.ports, (port, address) => `<${address}|${port}>`);
  if (ports) rows.push(ports);
  if (view.checklist.length > 0 && !view.isSettled) rows.push(view.checklist.map(checkLine).join('\n'));
  if (view.failure !== undefined) {
    const { text, side, next } = wordFailure(view.failure, view.name, createSay(trigger));
    rows.push(`:warning: ${toMrkdwn(text)} (${escapeText(side, 80)})\n*Next:* ${code(`${trigger} ${next}`)}`);
  }
  if (lookOf(view) === 'stopped') rows.push(keptWords(view, localDay));
  return rows;
}

/** What a coding agent works on. */
function taskBlocks(task: TaskView, say: Say): Block[] {
  const time = task.elapsedMs > 0 ? formatSpan(task.elapsedMs) : '';
  const title = [wordTask(task), time, task.cost].filter(Boolean).join(' · ');
  return [
    task.plan.length > 0 ? planOf(title, task.plan) : section(`:robot_face: ${toMrkdwn(title)}`),
    ...task.questions.map((one) =>
      section(`:question: ${toMrkdwn(wordQuestion(one, task.questions.length === 1, say))}`),
    ),
  ];
}

const STATUSES = { todo: 'pending', doing: 'in_progress', done: 'complete' } as const;

const planOf = (title: string, plan: TaskView['plan']): Block => ({
  type: 'plan',
  title: escapeText(title, 300),
  tasks: plan.map(({ label, state }, index) => ({
    type: 'task_card',
    task_id: `step-${index + 1}`,
    title: escapeText(label, 100) || '…',
    status: STATUSES[state],
  })),
});

const TURN_ICONS: Record<TurnView['state'], string> = {
  queued: ':robot_face:',
  running: ':robot_face:',
  asking: ':robot_face:',
  done: ':white_check_mark:',
  failed: ':x:',
  cancelled: ':black_square_for_stop:',
};

/** Sections of an answer, a code fence never cut in two. */
const MAX_ANSWER_SECTIONS = 20;

/** What came of a turn, how it ended first. */
export function renderTurn(turn: TurnView, trigger: string): SlackMessage {
  const { workspace, state, answer, failure, changes, elapsedMs, cost, run, proposal, agent } = turn;
  const time = elapsedMs === undefined ? '' : formatSpan(elapsedMs);
  const how = run ? [wordRunEnd(run.exit, state, time)] : [wordTurnState(state), time, cost];
  // Escaped first, which makes it longer.
  const pieces = run ? outputOf(run) : inPieces(toMrkdwn(answer), MAX_SECTION);
  const rows = [
    `${TURN_ICONS[lookOfTurn(turn)]} *${code(workspace.name)}* ${how.filter(Boolean).join(' · ')}`,
    ...(run ? [code(run.line)] : []),
    ...(proposal ? [proposalOf(proposal, workspace.name, createSay(trigger))] : []),
    ...((state === 'failed' || failure) && !proposal
      ? [toMrkdwn(wordTurnFailure(failure, workspace.name, createSay(trigger), run ? 'shell' : agent).text)]
      : []),
    ...pieces.slice(0, MAX_ANSWER_SECTIONS),
    ...(pieces.length > MAX_ANSWER_SECTIONS ? ['…'] : []),
    ...(changes ? [changedFiles(changes)] : []),
    ...(turn.hasNothingToPropose ? [NOTHING_TO_PROPOSE] : []),
  ];
  const offer: Button[] = turn.canPropose
    ? [{ label: 'Create pull request', line: `pr ${workspace.id}` }]
    : [];
  return {
    text: cut(`${escapeText(workspace.name, 100)}: ${(!run && escapeText(answer, 500)) || how[0]}`, MAX_TEXT),
    blocks: [
      ...rows.map(section),
      ...(offer.length > 0 ? [actions(turn.id, offer)] : []),
      { type: 'context', elements: [mrkdwn(turn.id)] },
    ],
  };
}

const proposalOf = (proposal: ProposalView, name: string, say: Say): string =>
  proposal.failure
    ? toMrkdwn(wordProposalFailure(proposal.failure, name, say).text)
    : `<${proposal.url}|Pull request #${proposal.number}> ${toMrkdwn(wordProposal(proposal))}`;

/** What a command line wrote, as far as it is read at once, and where the rest is. */
const outputOf = ({ exit, shown, more }: RunView): string[] => [
  ...(shown === '' ? [] : fences(shown)),
  ...(more === undefined ? [] : [`<${more}|${wordOutput(exit)}> (${OUTPUT_NOTE})`]),
];

const MAX_FILES = 20;

function changedFiles(changes: NonNullable<TurnView['changes']>): string {
  const files = changes.files
    .slice(0, MAX_FILES)
    .map(({ path, added, removed }) => `${code(path)} +${added} −${removed}`);
  const more = changes.count - files.length;
  return [toMrkdwn(wordChanges(changes)), ...files, ...(more > 0 ? [`…and ${more} more`] : [])].join('\n');
}

const MARKS: Record<CheckItem['state'], string> = {
  done: ':heavy_check_mark:',
  doing: ':hourglass:',
  todo: ':white_small_square:',
  failed: ':x:',
};

const checkLine = ({ label, state }: Pick<CheckItem, 'label' | 'state'>): string =>
  `${MARKS[state]} ${escapeText(label, 100)}`;

function expiryOf({ expiry, isExpiring }: CardView): string {
  if (!expiry) return '';
  return `${isExpiring ? ':alarm_clock: stops soon, at' : 'stops at'} ${localTime(expiry, '{time}')} if idle`;
}

const localDay = (moment: Date): string => localTime(moment, '{date_short_pretty} {time}');

/** In the reader's own time zone. */
const localTime = (moment: Date, format: string): string =>
  `<!date^${Math.floor(moment.getTime() / 1000)}^${format}|${formatTime(moment)}>`;

/** Lines name the workspace by its id: names change. */
function buttonsOf(view: CardView): Button[] {
  const { id } = view;
  switch (lookOf(view)) {
    case 'running':
      return [
        { label: 'Open terminal', line: `open ${id}`, style: 'primary' },
        { label: 'Keep 4h', line: `extend ${id} 4h` },
        { label: 'Stop', line: `stop ${id}` },
      ];
    case 'stopped':
      return [{ label: 'Start', line: `start ${id}`, style: 'primary' }];
    case 'failed':
      return [
        { label: 'Retry', line: `retry ${id}`, style: 'primary' },
        ...(view.expiry ? [{ label: 'Keep 4h', line: `extend ${id} 4h` }] : []),
      ];
    case 'stopping':
    case 'deleting':
    case 'deleted':
      return [];
    default:
      return [{ label: 'Stop', line: `stop ${id}` }];
  }
}

/** Of a question all may answer who may ask; pressed on the card it is about its workspace. */
function taskButtons({ task }: CardView): Button[] {
  if (!task) return [];
  const [question] = task.questions;
  const cancel: Button = { label: 'Cancel', line: 'cancel' };
  if (!question) return [cancel];
  return [
    { label: 'Allow', line: `allow ${question.number}`, style: 'primary' },
    { label: 'Deny', line: `deny ${question.number}`, style: 'danger' },
    cancel,
  ];
}

function menuOf({ phase, id }: CardView): Button[] {
  const rest = [
    { label: 'Logs', line: `logs ${id}` },
    { label: 'Rename…', line: `${QUESTION}rename ${id}` },
    { label: 'Delete…', line: `${QUESTION}rm ${id}` },
  ];
  return phase === 'running' ? [{ label: 'Restart', line: `restart ${id}` }, ...rest] : rest;
}

/** An answer: words, and what may be pressed below them. `isVerbatim`: columns. */
export function renderAnswer(
  text: string,
  {
    isVerbatim = false,
    buttons = [],
    id = 'answer',
  }: { isVerbatim?: boolean; buttons?: Button[]; id?: string } = {},
): SlackMessage {
  const pieces = isVerbatim ? fences(text) : split(toMrkdwn(text));
  return {
    text: cut(isVerbatim ? escape(redact(text)) : toMrkdwn(text), MAX_TEXT) || '…',
    blocks: [...pieces.map(section), ...(buttons.length > 0 ? [actions(id, buttons)] : [])],
  };
}

/** A private way in: `url` is ours and is the one thing here that is a link. */
export function renderLink(words: string, label: string, url: string): SlackMessage {
  const link = `<${url}|${escapeText(label, 80)}>`;
  return {
    text: cut(`${link} ${toMrkdwn(words)}`, MAX_TEXT),
    blocks: [section(`*${link}*\n${toMrkdwn(words)}`)],
  };
}

/** A secret that its reader copies: `secret` is ours, and the one thing here that is not cut out. */
export function renderToken(words: string, secret: string): SlackMessage {
  const code = `\`${secret}\``;
  return {
    text: cut(`${toMrkdwn(words)} ${code}`, MAX_TEXT),
    blocks: [section(`${toMrkdwn(words)}\n${code}`)],
  };
}

function actions(id: string, buttons: Button[], menu: Button[] = []): Block {
  const elements = buttons.map(({ label, line, style }, index): Element => ({
    type: 'button',
    action_id: `say:${index}`,
    value: line.slice(0, 2000),
    text: plainText(label),
    ...(style ? { style } : {}),
  }));
  const options = menu.map(({ label, line }) => ({
    text: plainText(label),
    value: line.slice(0, MAX_LINE),
  }));
  const overflow: Element[] = options.length > 0 ? [{ type: 'overflow', action_id: 'menu', options }] : [];
  return { type: 'actions', block_id: id.slice(0, 255), elements: [...elements, ...overflow] };
}

/** Characters, not halves of one. */
const plainText = (text: string): PlainText => ({
  type: 'plain_text',
  text: text.slice(0, 75).toWellFormed() || '…',
});
const mrkdwn = (text: string): Mrkdwn => ({
  type: 'mrkdwn',
  text: cut(text, MAX_SECTION) || '…',
  verbatim: true,
});
/** Words of ours, or escaped ones. */
export const sectionOf = (text: string): Block => section(text);
export const buttonBlock = (id: string, buttons: Button[]): Block => actions(id, buttons);

const section = (text: string): Block => ({ type: 'section', text: mrkdwn(text) });
