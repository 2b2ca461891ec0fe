// The command that says what a person's machines cost: now, and this month.
import * as store from '../workspaces/store.ts';
import type { CommandSpec } from './command.ts';
import { costOf, money, monthOf, perHour } from '../billing/prices.ts';
import type { Command } from './context.ts';

export const costSpec = {
  name: 'cost',
  aliases: ['usage', 'spend'],
  summary: 'Says what your machines cost now and have cost this month, as an estimate.',
  usage: 'cost',
  examples: ['cost'],
  who: 'Everyone, about their own.',
  flags: {},
  takes: 'none',
} satisfies CommandSpec;

export const cost: Command = {
  ...costSpec,
  async run(_command, scene) {
    const text = await describe(scene.tx, scene.actor.id, scene.now, scene.say('nodes'));
    return { answer: { ok: true, code: 'ok', text } };
  },
};

async function describe(tx: store.Executor, owner: string, now: Date, more: string): Promise<string> {
  const prices = await store.readPrices(tx);
  if (!prices) return 'Your machines cost nothing here, or their prices are not known yet.';
  const { currency } = prices;
  const start = monthOf(now);
  const all = await store.listNodesOf(tx, owner, start);
  const living = all.filter(({ node }) => node.phase !== 'deleted' && node.createSentAt);
  const rate = living.reduce((sum, { node }) => sum + (prices.sizes[node.size]?.perHour ?? 0), 0);
  const month = all.reduce((sum, { node }) => sum + costOf(node, prices, start, now), 0);
  return [
    `Now: ${living.length} machine${living.length === 1 ? '' : 's'}, ${perHour(rate, currency)}. ` +
      `This month so far: about ${money(month, currency)}. Net, at the dearest location; started hours count whole.`,
    `A machine is paid for until it is deleted, also while it is off and while its workspaces are stopped. Yours: ${more}.`,
  ].join('\n');
}
