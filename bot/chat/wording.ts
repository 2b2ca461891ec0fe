// What Sam says to people: a sentence for each code of codes.ts, printed with the trigger and the markup of the front that shows
// it. Pure; knows no front.
import type { AnswerCodes, GitRefusalCodes, KeyRefusalCodes, RefusalCodes, Said } from '../codes.ts';
import type { Answer } from '../database/types.ts';
import { ANSWERS } from './wording/answers.ts';
import { renderHelp, type Offer } from './wording/help.ts';
import { PARSE_FAILURES } from './wording/parse-failures.ts';
import { REFUSALS } from './wording/refusals.ts';
import { findWords, type Say, type Voice, type Wording, type Words } from './wording/words.ts';

export { wordApi, type ApiCode } from './wording/api.ts';
export { wordEnvironment } from './wording/environment.ts';
export { wordFailure } from './wording/failures.ts';
export { PRESSES, wordLive, type Press } from './wording/live.ts';
export {
  OUTPUT_NOTE,
  wordChanges,
  wordGap,
  wordOutput,
  wordOutputPage,
  wordQuestion,
  wordRunEnd,
  wordTask,
  wordTurnFailure,
  wordTurnState,
} from './wording/tasks.ts';
export {
  NOTHING_TO_PROPOSE,
  wordChangeBody,
  wordOffer,
  wordProposal,
  wordProposalFailure,
} from './wording/proposals.ts';
export { wordPorts } from './wording/ports.ts';
export { wordPush } from './wording/push.ts';
export { wordNotices, wordShared, wordUsage } from './wording/notices.ts';
export {
  createSay,
  createVoice,
  TERMINAL,
  TRIGGER,
  type Say,
  type Voice,
  type Words,
} from './wording/words.ts';

type Sentences = Omit<AnswerCodes, 'help'> & RefusalCodes;

const SENTENCES: Wording<Sentences> = { ...PARSE_FAILURES, ...REFUSALS, ...ANSWERS };

/** Why something was not done: without what stands around it. */
export const wordRefusal = (said: Said<RefusalCodes>, say: Say): Words => word(said, say);

/** A row of another version may say what this one does not know: nothing. */
const word = ({ code, details }: Said<Sentences>, say: Say): Words =>
  findWords(SENTENCES, { code, details: { ...details } }, say) ?? { text: '' };

/** An answer as it is shown. */
export interface WordedAnswer {
  /** Empty: the card says it. */
  text: string;
  /** What else there is to say, below it: other commands of the same message, which did not run. */
  hint: string;
  /** `text` is columns or log lines: spaces count. */
  isVerbatim: boolean;
  /** The card is wanted as well. */
  isBesideCard?: boolean;
  /** It is said, too, where the card is the answer. */
  isReply?: boolean;
  /** A line that was probably meant, for a button. */
  next?: string | undefined;
}

/** Of a row that was answered before there were codes alone: finished words. */
type OldAnswer = { text: string; isVerbatim?: true; suggestion?: string };

/** `offer`: what can be said there, for help. */
export function wordAnswer(answer: Answer, { say, fence }: Voice, offer: Offer): WordedAnswer {
  if ('text' in answer) {
    const { text, isVerbatim = false, suggestion } = answer as OldAnswer;
    return { text, hint: '', isVerbatim, next: suggestion };
  }
  const {
    text,
    above,
    isVerbatim = false,
    isBesideCard = false,
    isReply = false,
    next,
  } = wordCode(answer, say, offer);
  const usage = answer.usage === undefined ? '' : `Usage: ${say(answer.usage)}`;
  const lines = [above === undefined ? '' : fence(above), text, usage];
  return {
    text: lines.filter(Boolean).join('\n'),
    hint: hintOf(answer),
    isVerbatim,
    isBesideCard,
    isReply,
    next,
  };
}

const wordCode = (answer: Answer, say: Say, offer: Offer): Words =>
  answer.code === 'help' ? { text: renderHelp(offer, say, answer.details.command) } : word(answer, say);

function hintOf({ ignored = [], dropped = [] }: Answer): string {
  const list = (all: readonly string[]): string => all.map((one) => `\`${one}\``).join(', ');
  return [
    ...(dropped.length > 0 ? [`I clone with credentials of my own, not as ${list(dropped)}.`] : []),
    ...(ignored.length > 0 ? [`I run one command per message; ignored: ${list(ignored)}.`] : []),
  ].join(' ');
}

/** The answer and what is below it, where columns are no matter. */
export const joined = ({ text, hint }: WordedAnswer): string => [text, hint].filter(Boolean).join('\n');

const GIT_REFUSALS: Wording<GitRefusalCodes> = {
  busy: () => ({ text: 'Too many git commands ask for a password at once. Try again in a moment.' }),
  'no-workspace': () => ({
    text: 'Sam has no password for this repository. Use your own: `git push` asks for it.',
  }),
  'too-often': () => ({
    text: 'Git has asked for a password too often in a short while. Wait a minute, then try again; your work is safe here.',
  }),
  unavailable: () => ({
    text: 'Sam could not get a password for this repository just now. Try again in a minute.',
  }),
};

const KEY_NAMES: Record<KeyRefusalCodes['none']['provider'], string> = {
  anthropic: 'Anthropic API key',
  openai: 'OpenAI API key',
  claude: 'Claude plan token',
};

const KEY_REFUSALS: Wording<KeyRefusalCodes> = {
  busy: () => ({ text: 'Too many programs ask for a key at once. Try again in a moment.' }),
  'not-running': () => ({ text: 'This workspace is not running any more, so Sam gives it no key.' }),
  fork: () => ({
    text: 'This code comes from a fork, so Sam gives it no key. Sign in by yourself in this terminal if you trust it.',
  }),
  none: ({ provider }, say) => ({
    text: `You have left no ${KEY_NAMES[provider]} with Sam. Say ${say('connect claude')} where you talk to Sam: it brings a private link to the page for it. Then say here again what you said.`,
  }),
  unreadable: () => ({
    text: 'Sam could not read the key that you left. Delete it on your settings page and put it in again.',
  }),
  unavailable: () => ({
    text: 'Sam could not look up your key just now; the key itself is all right. Try again in a minute.',
  }),
};

/** For the terminal in which a coding agent asked: no front is there to say what a command begins with. */
export const wordKeyRefusal = ({ code, details }: Said<KeyRefusalCodes>): string =>
  findWords(KEY_REFUSALS, { code, details: { ...details } }, (line) => `\`${line}\``)?.text ?? '';

/** For the terminal in which git asked: no front is there, so nothing in it is a command of ours. */
export const wordGitRefusal = ({
  code,
  details,
}: { code: keyof GitRefusalCodes; details: object } | Said<RefusalCodes>): string =>
  findWords({ ...REFUSALS, ...GIT_REFUSALS }, { code, details: { ...details } }, (line) => line)?.text ?? '';
