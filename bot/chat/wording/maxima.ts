// The sentences of maxima that were reached: the figure, what to do about it, and who can raise it by which command. Pure.
import type { Exceeded, LimitKind } from '../../codes.ts';
import { whoRuns, plural, type Say } from './words.ts';

const SIZES = ['', 'small', 'medium', 'large'];

/** What was reached: `You have 10 workspaces, and 10 is the most that you may have.` */
export function wordExceeded({ holder, called, kind, most, has }: Exceeded): string {
  const who = {
    person: 'You',
    repository: `\`${called}\``,
    channel: 'This channel',
    installation: 'All of this Sam',
  }[holder];
  const have = holder === 'person' ? 'have' : 'has';
  switch (kind) {
    case 'workspaces':
      return `${who} ${have} ${plural(has, 'workspace')}, and ${most} is the most.`;
    case 'machines':
      return `${who} ${have} ${plural(has, 'machine')}, and ${most} is the most.`;
    case 'size':
      return `That size is more than ${holder === 'person' ? 'you' : who} may have: \`${SIZES[most] ?? 'small'}\` at most.`;
    case 'hours':
      return `${who} ${have} had machines for ${plural(has, 'hour')} this month, and ${most} is the most. What runs goes on; nothing else starts before the next one.`;
    case 'tasks':
      return `${who} ${have} asked ${plural(has, 'time')} in an hour, and ${most} is the most.`;
    default:
      return kind satisfies never;
  }
}

/** What helps without anybody else. */
export function wordWayOn({ kind, most }: Pick<Exceeded, 'kind' | 'most'>, say: Say): string {
  switch (kind) {
    case 'workspaces':
      return `Delete one that you do not need: ${say('list')} shows yours.`;
    case 'machines':
      return `A machine goes with its last workspace: delete one that you do not need (${say('rm NAME')}; ${say('list')} shows yours).`;
    case 'size':
      return most > 0 ? `Take that: ${say(`up --size ${SIZES[most] ?? 'large'}`)}.` : '';
    case 'hours':
      return '';
    case 'tasks':
      return `Say it again in a while; how what you asked stands: ${say('status')}.`;
    default:
      return kind satisfies never;
  }
}

/** The command that makes room for one more. */
export function wordRaise(
  { holder, called, kind, most }: Exceeded,
  say: Say,
  admins: readonly string[] | undefined,
): string {
  if (holder === 'installation') return `${capitalized(whoRuns(admins))} can raise it: \`MAX_NODES\`.`;
  return `${capitalized(whoRuns(admins))} can raise it: ${say(`limit ${called} ${kind}=${nextOf(kind, most)}`)}.`;
}

const nextOf = (kind: LimitKind, most: number): string =>
  kind === 'size'
    ? (SIZES[most + 1] ?? 'unlimited')
    : String(kind === 'hours' ? Math.max(10, most * 2) : most + 1);

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
