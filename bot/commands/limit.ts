// The command that shows what somebody, a repository or a channel may have at most, and sets it.
import { findIdentity, findUserId } from '../access/store/people.ts';
import { UserError } from '../errors.ts';
import type { LimitKind } from '../codes.ts';
import { LIMIT_KINDS, RANKS } from '../workspaces/limits.ts';
import { channelSubject, readAccount, setLimit, type LimitSubject } from '../workspaces/store/limits.ts';
import { checkAdmin, type Command, type CommandContext, type Outcome } from './context.ts';
import type { Flags } from './parser/parsed.ts';
import { isValidOwner, isValidRepositoryName } from './parser/names.ts';

export const limit = {
  name: 'limit',
  aliases: ['limits', 'quota'],
  summary: 'Shows what you, a repository or a channel may have at most; those who run Sam set it.',
  usage: 'limit [@user|owner/name|here]',
  examples: [
    'limit',
    'limit @bob machines=5',
    'limit @bob size=large hours=unlimited',
    'limit acme/api workspaces=20',
    'limit here tasks=default',
  ],
  who: 'Everyone, what is theirs; those who run Sam set it, for anybody.',
  flags: {
    workspaces: { kind: 'text', summary: 'how many workspaces: a number, `unlimited`, or `default`' },
    machines: { kind: 'text', summary: 'how many machines' },
    size: { kind: 'text', summary: 'the largest size of a new workspace: `small`, `medium`, `large`' },
    hours: {
      kind: 'text',
      summary: 'hours of machines in a month; what runs goes on, and nothing new starts',
    },
    tasks: { kind: 'text', summary: 'prompts for coding agents in an hour' },
  },
  takes: 'names',
  isForAdmins: true,
  gives: true,
  async run({ words, flags }, context) {
    const [word, ...others] = words;
    const [extra] = others;
    if (extra !== undefined) throw new UserError('too-many-words', { word: extra, command: 'limit' });
    const wanted = LIMIT_KINDS.flatMap((kind) => readWanted(kind, flags[kind]));
    const isOwn = word === undefined;
    if (wanted.length > 0 || !isOwn) checkAdmin(context);
    const subject = isOwn
      ? ({ holder: 'person', subject: context.actor.id } as const)
      : await findSubject(word, context);
    for (const one of wanted) await setLimit(context.tx, subject, { ...one, setBy: context.actor.id });
    return show(subject, context);
  },
} satisfies Command;

type Wanted = { kind: LimitKind; most: number | null | undefined };

/** Throws UserError. */
function readWanted(kind: LimitKind, typed: Flags[string] | undefined): Wanted[] {
  if (typeof typed !== 'string') return [];
  const text = typed.toLowerCase();
  if (text === 'default') return [{ kind, most: undefined }];
  if (text === 'unlimited') return [{ kind, most: null }];
  const most = kind === 'size' ? rankOf(text) : /^\d{1,6}$/.test(text) ? Number(text) : undefined;
  if (most === undefined) throw new UserError('limit-how', { kind });
  return [{ kind, most }];
}

const rankOf = (text: string): number | undefined =>
  Object.entries(RANKS).find(([size]) => size === text || size.charAt(0) === text)?.[1];

/** Throws UserError where the word means nobody that Sam knows. */
async function findSubject(word: string, context: CommandContext): Promise<LimitSubject> {
  const { place, front } = context;
  const [, channel] = /^<#(\w+)>$/.exec(word) ?? [];
  if (channel !== undefined && place.channel)
    return { holder: 'channel', subject: channelSubject(front, `${place.channel.split('/')[0]}/${channel}`) };
  if (word.toLowerCase() === 'here') {
    if (!place.channel) throw new UserError('no-channel', {});
    return { holder: 'channel', subject: channelSubject(front, place.channel) };
  }
  const [, owner, name] = /^([^/@]+)\/([^/]+)$/.exec(word) ?? [];
  if (owner !== undefined && name !== undefined && isValidOwner(owner) && isValidRepositoryName(name))
    return { holder: 'repository', subject: word.toLowerCase() };
  const user = await findPerson(word, context);
  if (user === undefined) throw new UserError('limit-whom', { word });
  return { holder: 'person', subject: user };
}

/** `@bob`, `bob`, a user's id, or a person of the chat as it writes them: `<@U1>`. */
async function findPerson(word: string, { tx, identity }: CommandContext): Promise<string | undefined> {
  const [, mentioned] = /^<@(\w+)>$/.exec(word) ?? [];
  if (mentioned === undefined) return findUserId(tx, word.replace(/^@/, ''));
  return identity && findIdentity(tx, { source: identity.source, externalId: mentioned });
}

async function show(subject: LimitSubject, { tx, limits }: CommandContext): Promise<Outcome> {
  const { called, most, has } = await readAccount(tx, subject, limits, LIMIT_KINDS, true);
  const rows = LIMIT_KINDS.map((kind) => [
    kind,
    kind === 'size' ? '-' : String(has[kind] ?? 0),
    wordMost(kind, most[kind]),
  ]);
  const table = { rows: [['LIMIT', 'HAS', 'MOST'], ...rows], more: 0 };
  return { answer: { ok: true, code: 'limit', details: { called, ...table }, isPrivate: true } };
}

export const sizeOf = (rank: number): string =>
  Object.entries(RANKS).find(([, one]) => one === rank)?.[0] ?? String(rank);

const wordMost = (kind: LimitKind, most: number | undefined): string =>
  most === undefined ? 'unlimited' : kind === 'size' ? sizeOf(most) : String(most);
