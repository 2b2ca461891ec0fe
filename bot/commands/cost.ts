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
      // What somebody spends is theirs, and not of those who read the thread.
      answer: details
        ? { ok: true, code: 'cost', details, isPrivate: true }
        : { ok: true, code: 'no-prices', details: {} },
    };
  },
} satisfies Command;
