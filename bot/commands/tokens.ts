// The command that lists a person's tokens; of their secrets it knows nothing.
import { listTokens } from '../access/people/personal-tokens-store.ts';
import type { Command } from './context.ts';
import { refuseInPublic } from './token.ts';

const MAX_SHOWN = 20;

export const tokens = {
  name: 'tokens',
  aliases: [],
  summary: 'Lists your tokens for programs: what each may do, until when, and when it was used.',
  usage: 'tokens',
  examples: ['tokens'],
  who: 'Everyone, their own, where only they read the answer.',
  flags: {},
  takes: 'none',
  gives: true,
  async run(_command, context) {
    refuseInPublic(context);
    const all = await listTokens(context.tx, context.actor.id);
    if (all.length === 0) return { answer: { ok: true, code: 'no-tokens', details: {} } };
    const rows = all
      .slice(0, MAX_SHOWN)
      .map(({ name, scope, expiresAt, usedAt }) => [name, scope, dayOf(expiresAt), dayOf(usedAt)]);
    const details = { rows: [['NAME', 'MAY', 'UNTIL', 'USED'], ...rows], more: all.length - MAX_SHOWN };
    return { answer: { ok: true, code: 'tokens', details } };
  },
} satisfies Command;

const dayOf = (at: Date | null): string => at?.toISOString().slice(0, 10) ?? 'never';
