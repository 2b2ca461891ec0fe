// What Sam says to people: a sentence for each code of codes.ts, printed with the trigger and the markup of the front that shows
// it. Pure; knows no front.
import type { AnswerCodes, RefusalCodes, Said } from '../codes.ts';
import type { Answer } from '../database/types.ts';
import { ANSWERS } from './wording/answers.ts';
import { PARSE_FAILURES } from './wording/parse-failures.ts';
import { REFUSALS } from './wording/refusals.ts';
import type { Say, Voice, Wording, Words } from './wording/words.ts';

export { createVoice, TERMINAL, type Say, type Voice, type Words } from './wording/words.ts';

const SENTENCES: Wording<AnswerCodes & RefusalCodes> = { ...PARSE_FAILURES, ...REFUSALS, ...ANSWERS };

/** Why something was not done: without what stands around it. */
export const wordRefusal = (said: Said<RefusalCodes>, say: Say): Words => word(said, say);

/** A code of another version's row says nothing. */
function word({ code, details }: Said<AnswerCodes & RefusalCodes>, say: Say): Words {
  const sentence = SENTENCES[code] as ((details: unknown, say: Say) => Words) | undefined;
  return sentence?.(details, say) ?? { text: '' };
}

/** An answer as it is shown. */
export interface WordedAnswer {
  /** Empty: the card says it. */
  text: string;
  /** What else there is to say, below it: other commands of the same message, which did not run. */
  hint: string;
  /** `text` is columns or log lines: spaces count. */
  isVerbatim: boolean;
  /** A line that was probably meant, for a button. */
  next?: string | undefined;
}

/** Of a row that was answered before there were codes alone: finished words. */
type OldAnswer = { text: string; isVerbatim?: true; suggestion?: string };

export function wordAnswer(answer: Answer, { say, fence }: Voice): WordedAnswer {
  if ('text' in answer) {
    const { text, isVerbatim = false, suggestion } = answer as OldAnswer;
    return { text, hint: '', isVerbatim, next: suggestion };
  }
  const { text, above, isVerbatim = false, next } = word(answer, say);
  const usage = answer.usage === undefined ? '' : `Usage: ${say(answer.usage)}`;
  const lines = [above === undefined ? '' : fence(above), text, usage];
  return { text: lines.filter(Boolean).join('\n'), hint: hintOf(answer), isVerbatim, next };
}

function hintOf({ ignored = [] }: Answer): string {
  if (ignored.length === 0) return '';
  return `I run one command per message; ignored: ${ignored.map((line) => `\`${line}\``).join(', ')}.`;
}

/** The answer and what is below it, where columns are no matter. */
export const joined = ({ text, hint }: WordedAnswer): string => [text, hint].filter(Boolean).join('\n');
