// The command that lists a person's machines.
import type { Failure } from '../../agent/protocol.ts';
import type { Node } from '../database/types.ts';
import * as store from '../workspaces/store.ts';
import type { CommandSpec } from './command.ts';
import { perHour } from '../billing/prices.ts';
import { describeOrphans, refuseOthers } from './orphans.ts';
import type { Command } from './context.ts';

export const nodesSpec = {
  name: 'nodes',
  aliases: ['machines'],
  summary: 'Lists your machines, what is on them and what they cost.',
  usage: 'nodes',
  examples: ['nodes'],
  who: 'Everyone, about their own.',
  flags: {
    orphans: {
      kind: 'boolean',
      summary: 'what is at the provider and could be ours, for whoever runs Sam, at the console',
    },
  },
  takes: 'none',
} satisfies CommandSpec;

const MOST = 20;
const HEAD = ['MACHINE', 'PHASE', 'SIZE', 'PRICE', 'WORKSPACES'];

export const nodes: Command = {
  ...nodesSpec,
  async run({ flags }, scene) {
    const { tx, actor, front, say } = scene;
    if (flags['orphans'] === true) {
      refuseOthers(scene);
      return { answer: { ok: true, code: 'ok', text: await describeOrphans(scene), isVerbatim: true } };
    }
    const mine = await store.listNodesOf(tx, actor.id);
    if (mine.length === 0)
      return { answer: { ok: true, code: 'ok', text: `You have no machine. One comes with ${say('up')}.` } };
    const prices = await store.readPrices(tx);
    // What everybody reads names no repository: names of workspaces are made of theirs.
    const isNaming = front !== 'github';
    const rows = mine.slice(0, MOST).map((one) => rowOf(one, prices, isNaming));
    const trouble = isNaming ? mine.slice(0, MOST).flatMap(troubleOf) : [];
    const more = mine.length > MOST ? [`…and ${mine.length - MOST} more`] : [];
    const text = [...aligned([HEAD, ...rows]), ...more, ...trouble].join('\n');
    return { answer: { ok: true, code: 'ok', text, isVerbatim: true } };
  },
};

function rowOf(
  { node, workspaces }: store.OwnNode,
  prices: store.PriceList | undefined,
  isNaming: boolean,
): string[] {
  const price = prices?.provider === node.provider ? prices.sizes[node.size] : undefined;
  return [
    node.name,
    phaseOf(node),
    node.size,
    price && prices ? perHour(price.perHour, prices.currency) : '-',
    isNaming ? workspaces.join(', ') || '-' : String(workspaces.length),
  ];
}

/** Why nothing goes on with it; what a machine failed of stands on the cards of its workspaces. */
const troubleOf = ({ node }: store.OwnNode): string[] =>
  node.lastError && node.attempts > 0 ? [`${node.name}: ${saidOf(node.lastError)}`] : [];

const saidOf = ({ code, details, message }: Failure): string =>
  typeof details?.['said'] === 'string' ? details['said'] : (message ?? code ?? '');

const phaseOf = ({ phase, idleSince }: Node): string => (phase === 'ready' && idleSince ? 'warm' : phase);

function aligned(rows: string[][]): string[] {
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
