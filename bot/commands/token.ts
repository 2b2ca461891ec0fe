// The command that makes a personal token, with which programs speak for its owner, and ends it.
import { dropToken, insertToken } from '../access/people/personal-tokens-store.ts';
import { UserError } from '../errors.ts';
import { checkAdmin, type Command, type CommandContext, type Outcome } from './context.ts';
import type { ParsedCommand } from './parser/parsed.ts';
import { isValidName } from './parser/names.ts';

const DEFAULT_MS = 90 * 86_400_000;

export const token = {
  name: 'token',
  aliases: [],
  summary: 'Makes a token for programs that speak for you, shown once, or ends it.',
  usage: 'token new|rm NAME',
  examples: ['token new ci --for 90d', 'token new dashboard --read', 'token rm ci'],
  who: 'Everyone, for themselves, where only they read the answer.',
  flags: {
    for: { kind: 'duration', summary: 'how long it works; 90 days if not said' },
    read: { kind: 'boolean', summary: 'it may look, and change nothing' },
    admin: {
      kind: 'boolean',
      excludes: 'read',
      summary: 'it may do what only those who run Sam may, for one of them',
    },
  },
  isForAdmins: true,
  takes: 'names',
  async run(command, context) {
    refuseInPublic(context);
    const { words } = command;
    const [verb, name = ''] = words;
    const extra = words[2];
    if (extra !== undefined) throw new UserError('too-many-words', { word: extra, command: 'token' });
    if (name === '' || (verb !== 'new' && verb !== 'rm')) throw new UserError('token-how', {});
    return verb === 'new' ? make(name.toLowerCase(), command, context) : end(name.toLowerCase(), context);
  },
} satisfies Command;

/** Whoever reads along would have it too. */
export function refuseInPublic({ traits }: CommandContext): void {
  if (traits.isPublic) throw new UserError('tokens-elsewhere', {});
}

async function make(name: string, { flags }: ParsedCommand, context: CommandContext): Promise<Outcome> {
  const { tx, actor } = context;
  if (!isValidName(name)) throw new UserError('bad-name', { typed: name, command: 'token' });
  const { for: life = { ms: DEFAULT_MS } } = flags;
  if (typeof life !== 'object' || !('ms' in life)) throw new UserError('token-how', {});
  const scope = flags['read'] === true ? 'read' : flags['admin'] === true ? 'admin' : 'write';
  if (scope === 'admin') checkAdmin(context);
  const { id, expiresAt } = await insertToken(tx, actor.id, { name, scope, lifeMs: life.ms });
  const details = { id, name, scope, until: expiresAt.toISOString() } as const;
  return { answer: { ok: true, code: 'token', details, link: 'token' } };
}

async function end(name: string, { tx, actor }: CommandContext): Promise<Outcome> {
  if (!(await dropToken(tx, actor.id, name))) throw new UserError('no-token', { name });
  return { answer: { ok: true, code: 'token-gone', details: { name } } };
}
