// What people are told of work that was offered as a pull request: where it is, or why there is none. Knows no front and no row.
import type { ProposalFailureCodes, SaidProposalFailure } from '../../codes.ts';
import { plain } from '../../commands/parser/format.ts';
import { findWords, type Say, type Words, type Wording } from './words.ts';

const said = ({ said: words }: { said?: string }): string => (words ? ` (\`${plain(words, 200)}\`)` : '');

/** `next` may name the workspace as NAME. */
const FAILURES: Wording<ProposalFailureCodes> = {
  'nothing-changed': () => ({
    text: 'There is nothing in it that the repository does not have already, so there is no pull request.',
    next: 'ask …',
  }),
  unfinished: () => ({
    text: 'A merge or a rebase is in the middle there, so nothing was committed. That is for you to finish, in its terminal.',
    next: 'open NAME',
  }),
  filtered: (details) => ({
    text: `A file there has to be converted before it is committed${said(details)}, which I do not do for you: Git LFS, mostly. Commit it yourself, in its terminal.`,
    next: 'open NAME',
  }),
  diverged: (details) => ({
    text: `Its branch has commits that are not in the workspace${said(details)}, and I overwrite nobody's work. Merge them in its terminal, then say it again.`,
    next: 'open NAME',
  }),
  protected: (details) => ({
    text: `A rule of the repository forbids the push${said(details)}. Whoever administers the repository can let me push to \`sam/*\`.`,
    next: 'pr NAME',
  }),
  denied: (details) => ({
    text: `The repository took no push${said(details)}. You need write there, and so does the App.`,
    next: 'pr NAME',
  }),
  refused: (details) => ({
    text: `The repository refused what was pushed${said(details)}. What it does not like is for you to mend, in its terminal.`,
    next: 'open NAME',
  }),
  unreachable: (details) => ({
    text: `The repository could not be reached${said(details)}. That is on its side or the network's, and passes by itself.`,
    next: 'pr NAME',
  }),
  'git-failed': (details) => ({
    text: `Git could not commit or push it${said(details)}. Its files are as they were.`,
    next: 'open NAME',
  }),
  'workspace-stopped': () => ({
    text: 'The workspace was stopped before its work was pushed. Its files are kept.',
    next: 'start NAME',
  }),
  'workspace-deleted': () => ({
    text: 'The workspace was deleted before its work was pushed.',
    next: 'ask …',
  }),
  'workspace-failed': () => ({
    text: 'The workspace failed before its work was pushed; its card says of what.',
    next: 'retry NAME',
  }),
  'never-pushed': () => ({
    text: 'The machine never said what came of the push. Its part of Sam may be of an earlier version, which a restart brings up to date.',
    next: 'restart NAME',
  }),
  'no-forge': () => ({
    text: 'Its repository is not where I can open pull requests. Push from its terminal.',
    next: 'open NAME',
  }),
  'no-base': ({ base }) => ({
    text: `The work is pushed, but there is no branch \`${plain(base)}\` to merge it into. Name another one.`,
    next: 'pr NAME --base main',
  }),
  'app-lacks': ({ permission }) => ({
    text: `The work is pushed, but the App may not open pull requests (\`${plain(permission)}\`). Whoever administers the App can give it that, and the repository's owner has to accept it.`,
    next: 'pr NAME',
  }),
  'forge-refused': (details) => ({
    text: `The work is pushed, but the pull request was refused${said(details)}.`,
    next: 'pr NAME',
  }),
  'forge-unavailable': (details) => ({
    text: `The work is pushed, but there was no answer to the pull request${said(details)}. That is on the other side, and passes by itself; I look first whether it is there.`,
    next: 'pr NAME',
  }),
};

/** Why there is none, whose side it is on, and what to say next. */
export function wordProposalFailure(failure: SaidProposalFailure, name: string, say: Say): Words {
  const { code, details } = failure;
  const found = findWords(FAILURES, { code, details: { ...details } }, say);
  const { text, next = 'pr NAME' } = found ?? { text: 'There is no pull request, and nobody knows why.' };
  const line = next.replace('NAME', name);
  return { text: `${text} Next: ${say(line)}.`, next: line };
}

/** Behind its number: what it holds, and where it goes. */
export const wordProposal = ({ branch, base }: { branch: string; base: string | null }): string =>
  `has what is on \`${plain(branch)}\`${base === null ? '' : `, for \`${plain(base)}\``}.`;

/** Of an answer whose files can be offered. */
export const wordOffer = (name: string, say: Say): string =>
  `To open a pull request with it: ${say(`pr ${name}`)}.`;

export const NOTHING_TO_PROPOSE = 'Nothing was changed, so there is no pull request.';

/** What a pull request says of itself, in Markdown. `login` undefined: nobody knows who it is there. */
export function wordChangeBody({
  login,
  name,
  where,
}: {
  login: string | undefined;
  name: string;
  /** The address of the thread in which it was asked for. */
  where: string | undefined;
}): string {
  const who = login === undefined ? 'This was asked for' : `@${plain(login)} asked for this`;
  const place = where === undefined ? '' : ` in [this conversation](${where})`;
  return `${who}${place}. It was made in the workspace \`${plain(name)}\` of Sam, and is to be read like anybody's change before it is merged.`;
}
