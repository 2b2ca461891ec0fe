// Cards and replies as GitHub's Markdown. Pure. Whatever is shown, no line of it is a command, and nobody is mentioned.
import type { FrontTraits } from '../../commands/command.ts';
import { mayBeCommand } from '../../commands/parser/lines.ts';
import type { ParseContext } from '../../commands/parser/parsed.ts';
import type { AnswerCodes } from '../../codes.ts';
import { isValidOwner } from '../../commands/parser/names.ts';
import { plain } from '../../commands/parser/format.ts';
import {
  createVoice,
  OUTPUT_NOTE,
  wordChanges,
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
  type Voice,
  type WordedAnswer,
  wordEnvironment,
} from '../wording.ts';
import { inPieces } from '../pieces.ts';
import { calmMarkdown, calmTags, fence } from '../calm.ts';
import { lookOfTurn, type ProposalView, type RunView, type TaskView, type TurnView } from '../turn-view.ts';
import { formatSpan, formatTime, keptWords } from '../times.ts';
import { redact } from '../../../agent/redact.ts';
import { lookOf, type CardView, type CheckItem } from '../view.ts';

export const onGitHub: FrontTraits = {
  title: 'GitHub',
  isPublic: true,
  isOperator: false,
  hasChannels: false,
  hasLinkedAccounts: false,
  hasReviews: true,
  about: 'topic',
};

const ICONS: Record<ReturnType<typeof lookOf>, string> = {
  queued: '🛠',
  provisioning: '🛠',
  preparing: '🛠',
  running: '✅',
  stopping: '⏹',
  stopped: '⏹',
  deleting: '🗑',
  deleted: '🗑',
  failed: '❌',
  silent: '⚠️',
};

/** GitHub takes 65,536 characters. */
const LONGEST = 60_000;
const SEPARATOR = '\n\n';

/** With the first trigger that is listened to. */
export const voiceIn = ({ triggers: [trigger = ''] }: ParseContext): Voice => createVoice(trigger);

export function sayIn(context: ParseContext): Say {
  const { say } = voiceIn(context);
  return (line) => say(plain(line, 200));
}

/** Begins a card's comment: the way to find one whose number got lost. */
export const markerOf = (subject: string): string =>
  `<!-- sam:v1 ${subject.replaceAll(/[<>-]{2,}/g, '-')} -->`;

export interface CardOptions {
  subject: string;
  /** The address that opens a running workspace's terminal, for everyone to see and for few to use. */
  linkTo: (view: CardView) => string;
  context: ParseContext;
  /** About the repository, not about a workspace: a line each, in our small Markdown. */
  notes: string[];
}

/** One comment: a section for each workspace. */
export function renderCard(views: CardView[], options: CardOptions): string {
  const sections: string[] = [];
  let size = 0;
  for (const view of views) {
    const section = disarmCommands(renderSection(view, options), options.context);
    size += section.length + SEPARATOR.length;
    if (size > LONGEST) break;
    sections.push(section);
  }
  const left = views.length - sections.length;
  const rest = left > 0 ? [`…and ${left} more: ${sayIn(options.context)('list')}`] : [];
  return [markerOf(options.subject), ...sections, ...renderNotes(options), ...rest].join(SEPARATOR);
}

const renderNotes = ({ notes, context }: Pick<CardOptions, 'notes' | 'context'>): string[] =>
  notes.map((note) => disarmCommands(escapeMarkdown(note), context));

/** One workspace without the marker, and what else there is to say: for the page of a check. */
export function renderSummary(view: CardView, options: Omit<CardOptions, 'subject'>): string {
  const section = disarmCommands(renderSection(view, options), options.context);
  return [section, ...renderNotes(options)].join(SEPARATOR).slice(0, LONGEST);
}

/** Plain text in one line: for titles. */
export const renderTitle = (text: string, longest: number): string =>
  plain(redact(text).replaceAll('\n', ' '), longest);

type SectionOptions = Pick<CardOptions, 'linkTo' | 'context'>;

function renderSection(view: CardView, options: SectionOptions): string {
  const say = sayIn(options.context);
  const time = view.isSettled ? '' : ` · ${formatSpan(view.elapsedMs)}`;
  const lines = [
    `### ${ICONS[lookOf(view)]} Workspace ${code(view.name)}: ${escapeMarkdown(view.doing)}${time}`,
  ];
  const commit = view.commit ? ` @ ${code(view.commit)}` : '';
  const { where, more } = wordEnvironment(view.environment, view.name, say);
  const usage = view.usage && wordUsage(view.usage);
  const about = [`${code(view.source)}${commit}`, view.size, where, `for ${code(view.owner)}`, usage];
  lines.push(about.filter(Boolean).join(' · '));
  if (view.phase !== 'deleted') lines.push(...body(view, options, say));
  if (view.task) lines.push(...taskLines(view.task, say));
  if (view.shared) lines.push('', `👥 ${escapeMarkdown(wordShared(view.shared))}`);
  const notice = wordNotices(view.notices, say);
  for (const said of [notice, more].filter(Boolean)) lines.push('', `ℹ ${escapeMarkdown(said)}`);
  if (view.phase === 'stopped') lines.push('', `${keptWords(view)} Go on: ${say(`start ${view.name}`)}`);
  lines.push('', `<sub>${[view.id, ...view.lines.map(say)].join(' · ')}</sub>`);
  return lines.join('\n');
}

function body(view: CardView, { linkTo }: SectionOptions, say: Say): string[] {
  const lines: string[] = [];
  const isOpen = lookOf(view) === 'running';
  if (isOpen)
    lines.push('', `**[Open terminal](${linkTo(view)})** (sign in with GitHub)${expiry(view, say)}`);
  const ports = isOpen ? wordPorts(view.ports, (port, address) => `[${port}](${address})`) : '';
  if (ports) lines.push('', ports);
  if (view.checklist.length > 0 && !view.isSettled) lines.push('', ...view.checklist.map(checkLine));
  if (view.failure !== undefined) {
    const { text, side, next } = wordFailure(view.failure, view.name, say);
    lines.push(
      '',
      `⚠ ${escapeMarkdown(text)} (${side})`,
      '',
      `**Next:** ${say(next)}${isOpen ? '' : expiry(view, say)}`,
    );
  }
  return lines;
}

const expiry = (view: CardView, say: Say): string =>
  view.expiry
    ? ` · ${view.isExpiring ? '⏰ stops soon, at' : 'stops at'} **${formatTime(view.expiry)}** if idle: ${say(`extend ${view.name} 4h`)}`
    : '';

const checkLine = ({ label, state }: Pick<CheckItem, 'label' | 'state'>): string =>
  `- [${state === 'done' ? 'x' : ' '}] ${escapeMarkdown(label)}${state === 'doing' ? ' …' : ''}`;

/** What a coding agent works on. */
function taskLines(task: TaskView, say: Say): string[] {
  const time = task.elapsedMs > 0 ? formatSpan(task.elapsedMs) : '';
  return [
    '',
    `🤖 ${[escapeMarkdown(wordTask(task)), time, task.cost].filter(Boolean).join(' · ')}`,
    ...(task.plan.length > 0 ? ['', ...task.plan.map(checkLine)] : []),
    ...task.questions.flatMap((one) => [
      '',
      `❓ ${escapeMarkdown(wordQuestion(one, task.questions.length === 1, say))}`,
    ]),
  ];
}

const TURN_ICONS: Record<TurnView['state'], string> = {
  queued: '🤖',
  running: '🤖',
  asking: '🤖',
  done: '✅',
  failed: '❌',
  cancelled: '⏹',
};

/** What is read at once of a long answer; the rest is folded. */
const AT_ONCE = 4_000;

/** What came of a turn, how it ended first. */
export function renderTurn(turn: TurnView, context: ParseContext): string {
  const { workspace, state, answer, failure, elapsedMs, cost, run, proposal, agent } = turn;
  const time = elapsedMs === undefined ? '' : formatSpan(elapsedMs);
  const how = run ? [wordRunEnd(run.exit, state, time)] : [wordTurnState(state), time, cost];
  const title = `### ${TURN_ICONS[lookOfTurn(turn)]} ${code(workspace.name)}: ${how.filter(Boolean).join(' · ')}`;
  const words = run ? '' : answer;
  const [shown = '', ...folded] = inPieces(calmMarkdown(words), words.length > AT_ONCE ? AT_ONCE : LONGEST);
  const parts = [
    title,
    ...(run ? [code(run.line)] : []),
    ...(proposal ? [proposalOf(proposal, turn, sayIn(context))] : []),
    ...((state === 'failed' || failure) && !proposal
      ? [escapeMarkdown(wordTurnFailure(failure, workspace.name, sayIn(context), run ? 'shell' : agent).text)]
      : []),
    ...(run ? outputOf(run) : [shown]),
    ...(folded.length > 0 ? [fold('The rest', cutPieces(folded))] : []),
    ...changesOf(turn),
    ...(turn.hasNothingToPropose ? [NOTHING_TO_PROPOSE] : []),
    `<sub>${footerOf(turn, sayIn(context))}</sub>`,
  ];
  const body = disarmCommands(parts.filter(Boolean).join(SEPARATOR), context);
  return [markerOf(turn.id), body].join('\n');
}

const footerOf = ({ id, workspace, canPropose, run }: TurnView, say: Say): string =>
  [id, ...(canPropose ? [say(`pr ${workspace.name}`)] : []), say(run ? 'run …' : 'ask …')].join(' · ');

const proposalOf = (proposal: ProposalView, { workspace: { name } }: TurnView, say: Say): string =>
  proposal.failure
    ? escapeMarkdown(wordProposalFailure(proposal.failure, name, say).text)
    : `[Pull request #${proposal.number}](${proposal.url}) ${escapeMarkdown(wordProposal(proposal))}`;

/** What a command line wrote, as far as it is read at once, and where the rest is. */
const outputOf = ({ exit, shown, more }: RunView): string[] => [
  ...(shown === '' ? [] : [fence(shown)]),
  ...(more === undefined ? [] : [`[${wordOutput(exit)}](${more}) (${OUTPUT_NOTE})`]),
];

const fold = (summary: string, text: string): string =>
  `<details><summary>${summary}</summary>\n\n${text}\n\n</details>`;

/** As many as fit into one comment. */
function cutPieces(pieces: string[]): string {
  const most = Math.floor((LONGEST - 4 * AT_ONCE) / AT_ONCE);
  const kept = pieces.slice(0, most);
  return [...kept, ...(pieces.length > most ? ['…'] : [])].join('\n');
}

function changesOf({ changes }: TurnView): string[] {
  if (!changes) return [];
  const files = changes.files.map(({ path, added, removed }) => `- ${code(path)} +${added} −${removed}`);
  const more = changes.count - files.length;
  // Within a tag nothing but a tag is markup.
  const summary = calmTags(wordChanges(changes).replaceAll('`', '').replaceAll(/\s+/g, ' '));
  return [fold(summary, [...files, ...(more > 0 ? [`- …and ${more} more`] : [])].join('\n'))];
}

/** An answer as a comment of its own. */
export function renderReply({ text, hint, isVerbatim }: WordedAnswer, context: ParseContext): string {
  const words = isVerbatim ? fence(text) : escapeLines(text);
  const whole = disarmCommands([words, escapeLines(hint)].filter(Boolean).join('\n'), context);
  return whole.length <= LONGEST ? whole : `${whole.slice(0, LONGEST).toWellFormed()}\n…`;
}

/** Says it to whoever was let in, too: they are mentioned, and their link wants a sign-in. */
export function renderShared(
  words: WordedAnswer,
  { id, person }: AnswerCodes['shared'],
  { context, linkTo }: { context: ParseContext; linkTo: (workspace: { id: string }) => string },
): string {
  // No line of ours begins with a name: it could be our own.
  const to = isValidOwner(person) ? ` for @${person}` : '';
  const link = `**[Open terminal](${linkTo({ id })})**${to} (sign in with GitHub)`;
  return [renderReply(words, context), redact(link)].join(SEPARATOR);
}

/** Between fences, which are lines of their own, nothing is markup. */
function escapeLines(text: string): string {
  let isFenced = false;
  const lines = text.split('\n').map((line) => {
    if (!line.startsWith('```')) return isFenced ? line : escapeMarkdown(line);
    isFenced = !isFenced;
    return line;
  });
  return lines.join('\n');
}

const code = (text: string): string => `\`${plain(text.replaceAll('\n', ' '), 120) || '?'}\``;

/** One line in which nothing outside code spans is markup, a mention or a reference. */
function escapeMarkdown(text: string): string {
  return (
    text
      .replaceAll(/\s+/g, ' ')
      // A code span that begins with several ends with as many: nobody needs those.
      .replaceAll(/`{2,}/g, "'")
      .split(/(`[^`]*`)/)
      .map((part, index) => (index % 2 === 1 ? part : calmWords(part)))
      .join('')
  );
}

const calmWords = (text: string): string =>
  text
    // First: else one that is there takes back what the others put before a bracket.
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('`', "'")
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll(/[[\]]/g, String.raw`\$&`)
    .replaceAll(/([@#])(?=\w)/g, '$1\u2060');

/** Every text for GitHub goes through here: no secrets, no commands. */
const disarmCommands = (text: string, context: ParseContext): string =>
  redact(text)
    .split('\n')
    .map((line) => disarm(line, context))
    .join('\n');

/** A line that would be a command when GitHub sends it back to us begins with a mark. */
const disarm = (line: string, context: ParseContext): string =>
  /[/@／＠]/.test(line) && mayBeCommand(line, context) ? `› ${line}` : line;
