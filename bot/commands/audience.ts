// Who reads an answer, and what may be named to them: the one place that decides it. Every answer and every refusal passes `tellable`
// before it is written down, so that a command cannot forget it. Knows no command and no front.
import type { Answer, Executor, User, Workspace } from '../database/types.ts';
import type { FrontTraits } from './command.ts';
import { listWorkspaces } from '../workspaces/store/workspaces.ts';

/** Where it is read: by the one who asked alone, or by whoever may read a repository. */
export interface Audience {
  traits: Pick<FrontTraits, 'isPublic'>;
  place: { repository?: string };
}

type Place = Pick<Workspace, 'repository'>;

/** Whether it is of the repository whose readers read it; where one person reads it all are. */
export const isHere = ({ traits, place }: Audience, { repository }: Place): boolean =>
  !traits.isPublic || repository.toLowerCase() === place.repository?.toLowerCase();

/** Who may read another repository is not known, unless that is everybody. */
export const mayName = (audience: Audience, workspace: Place & Pick<Workspace, 'isPrivate'>): boolean =>
  isHere(audience, workspace) || workspace.isPrivate === false;

/**
 * The answer, or in its place that it cannot be said here: it would name what the person has elsewhere, and has not named in `said`
 * themselves. Their workspaces' cards go where those may be named.
 */
export async function tellable(
  tx: Executor,
  answer: Answer,
  audience: Audience & { actor: Pick<User, 'id'>; said: string },
): Promise<Answer> {
  if (!audience.traits.isPublic) return answer;
  const mine = await listWorkspaces(tx, audience.actor.id);
  const known = new Set([
    ...wordsIn(audience.said),
    ...mine.filter((one) => mayName(audience, one)).flatMap(wordsOf),
  ]);
  const secret = new Set(mine.filter((one) => !mayName(audience, one)).flatMap(wordsOf));
  const isNamed = wordsIn(textIn(answer.details)).some((word) => secret.has(word) && !known.has(word));
  return isNamed ? { ok: false, code: 'not-nameable', details: {} } : answer;
}

/** What gives it away, each as a whole: of an address neither the scheme does, nor of a thread its number. */
function wordsOf({ id, name, repository, topic }: Workspace): string[] {
  const path = URL.parse(repository)?.pathname.slice(1) ?? repository;
  return [id, name, repository, path, ...(topic === null ? [] : [topic])].map((word) => word.toLowerCase());
}

/** Each also without what may stand at its end: a stop, the number of a thread. */
const wordsIn = (text: string): string[] =>
  text
    .toLowerCase()
    .split(/[^\p{L}\p{N}./:_#-]+/u)
    .flatMap((word) => [word, word.replace(/[.:,]+$/, ''), ...word.split('#'), ...word.split(/[:#]/)])
    .filter((word) => word !== '');

/** All texts of it, whatever it is. */
function textIn(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return '';
  return Object.values(value).map(textIn).join(' ');
}
