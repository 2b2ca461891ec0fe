// The command that says what a person's machines cost: now, and this month.
import { reportCosts } from '../billing/prices.ts';
import type { Command } from './context.ts';

export const cost = {
  name: 'cost',
  aliases: ['usage', 'spend'],
  summary: 'Says what your machines cost now and have cost this month, as an estimate.',
  usage: 'cost',
  examples: ['cost'],
  who: 'Everyone, about their own.',
  flags: {},
  takes: 'none',
  gives: true,
  async run(_command, { tx, actor, now }) {
    const details = await reportCosts(tx, actor.id, now);
    return {
      answer: details ? { ok: true, code: 'cost', details } : { ok: true, code: 'no-prices', details: {} },
    };
  },
} satisfies Command;
