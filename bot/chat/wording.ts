// What Sam says to people, as sentences: the one room that has them. Rows, the wire and errors carry codes (bot/codes.ts).
// Pure. A command in a sentence is printed by the front's own `say`.
import type { GitRefusalCodes, SaidGitRefusal } from '../codes.ts';
import { findWords, type Wording } from './wording/words.ts';

export { wordFailure } from './wording/failures.ts';
export { wordNotices } from './wording/notices.ts';

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

/** For the terminal in which git asked: no front is there, so nothing in it is a command of ours. */
export const wordGitRefusal = (refusal: SaidGitRefusal): string =>
  findWords(GIT_REFUSALS, refusal, (line) => line)?.text ?? '';
