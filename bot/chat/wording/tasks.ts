// What people are told of what a coding agent works on: how it stands, what it asks, why there is no answer. Knows no front and no row.
import type { CodingAgent, CommandExit, TurnWorker } from '../../../agent/protocol.ts';
import type { CostLimit, SaidTurnFailure, TurnFailureCodes } from '../../codes.ts';
import { plain } from '../../commands/parser/format.ts';
import { AGENT_NAMES, findWords, plural, type Say, type Words, type Wording } from './words.ts';

// Stand in the sentences for who works, and for whom its key is of.
const WORKER = '{worker}';
const COMPANY = '{company}';

const WORKERS: Record<TurnWorker, { worker: string; company: string }> = {
  claude: { worker: 'Claude Code', company: 'Anthropic' },
  codex: { worker: 'Codex', company: 'OpenAI' },
  shell: { worker: 'The command line', company: '' },
};

const said = ({ said: words }: { said?: string }): string => (words ? ` (\`${plain(words, 200)}\`)` : '');

const COST_LIMITS = {
  turn: 'a turn (`MAX_COST_PER_TURN`)',
  task: 'one conversation (`MAX_COST_PER_TASK`)',
  month: 'a person in a month (`MAX_COST_PER_MONTH`)',
};

const wordCostly = (limit: string, when: CostLimit['when']): string =>
  when === 'before'
    ? `What came before it cost more than ${limit}, so it was not begun.`
    : when === 'done'
      ? `It cost more than ${limit}, which is known only now that it is done: its answer is whole.`
      : `It cost more than ${limit}, so it was ended. What was done to the files until then is there.`;

/** `next` may name the workspace as NAME. */
const FAILURES: Wording<TurnFailureCodes> = {
  'no-coding-agent': (details) => ({
    text: `${WORKER} could not be brought to the machine${said(details)}. That is on our side, or npm's.`,
    next: 'ask …',
  }),
  'container-outdated': () => ({
    text: `Nothing of Sam's is in its container, so ${WORKER} is not either: most likely an earlier version of Sam made it. That is on our side; a restart makes it anew, with the files of the checkout as they are.`,
    next: 'restart NAME',
  }),
  'container-unfit': () => ({
    text: `Its container is of an image that ${WORKER} does not run in: it has neither glibc nor musl. That is on the repository's side: its container's description has to name another one.`,
    next: 'restart NAME',
  }),
  'coding-agent-broken': (details) => ({
    text: `${WORKER} ended in the middle, or could not be talked to${said(details)}. That is on its side; what it did to the files is there.`,
    next: 'ask …',
  }),
  'no-model-key': (details) => ({
    text: `The key that you left does not let ${WORKER} in any more${said(details)}. That is between you and ${COMPANY}.`,
    next: 'connect claude',
  }),
  'model-unavailable': (details) => ({
    text: `The models did not answer${said(details)}. That is on their side, and passes by itself.`,
    next: 'ask …',
  }),
  interrupted: (details) => ({
    text: `The machine, or something on it, was restarted in the middle${said(details)}. What was done to the files until then is there.`,
    next: 'ask …',
  }),
  'turn-late': () => ({
    text: 'It took longer than it may (`ASK_TIMEOUT`, which whoever runs Sam can raise), so it was ended. What was done to the files until then is there.',
    next: 'ask …',
  }),
  'workspace-stopped': () => ({
    text: 'The workspace was stopped before there was an answer. Its files are kept.',
    next: 'start NAME',
  }),
  'workspace-deleted': () => ({
    text: 'The workspace was deleted before there was an answer.',
    next: 'ask …',
  }),
  'workspace-failed': () => ({
    text: 'The workspace failed, so nothing works in it; its card says of what.',
    next: 'retry NAME',
  }),
  'too-costly': ({ limit, most, when }) => ({
    text: wordCostly(`${COST_LIMITS[limit]} may: ${most} (whoever runs Sam can raise it)`, when),
    next: 'ask …',
  }),
  'budget-spent': () => ({
    text: 'It cost what it may (whoever runs Sam can raise it), so it was ended. What was done to the files until then is there.',
    next: 'ask …',
  }),
  'in-circles': ({ times }) => ({
    text: `The answer was the same ${times} times in a row, so what waited in this conversation was ended. What you ask next begins a new one; say it in other words.`,
    next: 'ask …',
  }),
  'never-begun': () => ({
    text: `Nothing on the machine began with it. Its part of Sam may be of an earlier version, which a restart brings up to date.`,
    next: 'restart NAME',
  }),
};

/** Where those of a command line are others. */
const RUN_FAILURES: Wording<Pick<TurnFailureCodes, 'no-coding-agent' | 'coding-agent-broken'>> = {
  'no-coding-agent': () => ({
    text: "The machine's part of Sam is of an earlier version, which runs no command lines. That is on our side; a restart brings it up to date.",
    next: 'restart NAME',
  }),
  'coding-agent-broken': (details) => ({
    text: `No shell could be started for it${said(details)}. That is on the machine's side.`,
    next: 'restart NAME',
  }),
};

/** What happened, whose side it is on, and what to say next. */
export function wordTurnFailure(
  failure: SaidTurnFailure | null,
  name: string,
  say: Say,
  by: TurnWorker = 'claude',
): Words {
  const isRun = by === 'shell';
  const coded = failure && { code: failure.code, details: { ...failure.details } };
  const own = coded && isRun ? findWords(RUN_FAILURES, coded, say) : undefined;
  const found = own ?? (coded && findWords(FAILURES, coded, say));
  const { worker, company } = WORKERS[by];
  const { text, next = 'ask …' } = found ?? { text: `${WORKER} gave no answer, and nobody knows why.` };
  const line = next.replace('NAME', name).replace(/^ask …$/, isRun ? 'run …' : '$&');
  const told = text.replaceAll(WORKER, worker).replaceAll(COMPANY, company);
  return { text: `${told} Next: ${say(line)}.`, next: line };
}

const STATES = { done: 'done', failed: 'failed', cancelled: 'cancelled' } as const;

export const wordTurnState = (state: string): string =>
  Object.hasOwn(STATES, state) ? STATES[state as keyof typeof STATES] : 'at work';

/** `exit 0 after 12s`: how a command line ended, in words. */
export function wordRunEnd(exit: CommandExit | undefined, state: string, span: string): string {
  const how =
    exit?.code !== undefined
      ? `exit ${exit.code}`
      : exit?.signal === undefined
        ? wordTurnState(state)
        : `ended by ${exit.signal}`;
  return span === '' ? how : `${how} after ${span}`;
}

/** What leads to the rest of what it wrote. */
export function wordOutput(exit: CommandExit | undefined): string {
  if (!exit) return 'What it wrote until then';
  const lines = `${exit.lines.toLocaleString('en')} lines`;
  return exit.skipped > 0 ? `Beginning and end of ${lines}` : `All ${lines}`;
}

/** Between the two. */
export const wordGap = (bytes: number): string =>
  `[… ${(bytes / 1e6).toFixed(1)} MB in between are not kept …]`;

/** In place of that page. `why`: who may not see it hears what they are told elsewhere. */
export const wordOutputPage = (what: 'refused' | 'gone', why = ''): { title: string; text: string } =>
  what === 'refused'
    ? { title: 'What a command line wrote', text: why }
    : {
        title: 'Nothing is left of it',
        text: 'It wrote nothing, or that was more than a week ago. Run it again where you ran it.',
      };

/** How long, and for whom, that is there. */
export const OUTPUT_NOTE = 'for whom the workspace is, signed in; kept for a week';

/** `Claude: waits for an answer`: what stands before the plan. */
export function wordTask({
  state,
  waiting,
  tool,
  line,
  agent = 'claude',
}: {
  state: string;
  waiting: number;
  /** A command line, not a coding agent. */
  line?: string | undefined;
  tool?: string | undefined;
  agent?: CodingAgent | undefined;
}): string {
  const doing =
    state === 'queued'
      ? 'what you asked waits'
      : state === 'asking'
        ? `${AGENT_NAMES[agent]} asks`
        : line !== undefined
          ? `\`${plain(line, 120)}\` runs`
          : `${AGENT_NAMES[agent]} works${tool === undefined ? '' : `: ${plain(tool, 120)}`}`;
  return waiting > 0 ? `${doing} (and ${plural(waiting, 'other')} after it)` : doing;
}

/** A question, and the lines that answer it. */
export const wordQuestion = (
  { number, title }: { number: number; title: string },
  isOnly: boolean,
  say: Say,
): string => {
  const which = isOnly ? '' : ` ${number}`;
  return `Question ${number}: may it do \`${plain(title, 300)}\`? ${say(`allow${which}`)} or ${say(`deny${which}`)}.`;
};

/** `3 files changed on sam/fix: +10 −2`. */
export function wordChanges({
  branch,
  files,
  count,
}: {
  branch?: string;
  files: readonly { added: number; removed: number }[];
  count: number;
}): string {
  const sum = (key: 'added' | 'removed'): number => files.reduce((total, file) => total + file[key], 0);
  const where = branch === undefined ? '' : ` on \`${plain(branch)}\``;
  return `${plural(count, 'file')} changed${where}: +${sum('added')} −${sum('removed')}`;
}
