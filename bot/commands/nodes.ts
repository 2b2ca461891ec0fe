// The command that lists a person's machines.
import type { Failure } from '../../agent/protocol.ts';
import type { Node } from '../database/types.ts';
import { perHour } from '../billing/prices.ts';
import { checkAdmin, type Command, type CommandContext, type Outcome } from './context.ts';
import { findUserNames } from '../access/store/people.ts';
import { listNodes, listNodesOf, type OwnNode } from '../workspaces/store/nodes.ts';
import { listOrphans } from '../workspaces/store/orphans.ts';
import { readPrices, type PriceList } from '../workspaces/store/settings.ts';
import { readSweeps } from '../workspaces/store/sweeps.ts';

const MAX_SHOWN = 20;
const MAX_ORPHANS = 30;
const HEAD = ['MACHINE', 'PHASE', 'SIZE', 'PRICE', 'WORKSPACES'];

export const nodes = {
  name: 'nodes',
  aliases: ['machines'],
  summary: 'Lists your machines, what is on them and what they cost.',
  usage: 'nodes',
  examples: ['nodes', 'nodes --all'],
  who: 'Everyone, about their own; those who run Sam about all.',
  flags: {
    all: { kind: 'boolean', short: 'a', summary: "everybody's, for those who run Sam" },
    orphans: {
      kind: 'boolean',
      summary: 'what is at the provider and could be ours, for those who run Sam',
    },
  },
  takes: 'none',
  isForAdmins: true,
  gives: true,
  async run({ flags }, context) {
    if (flags['orphans'] === true) return answerOrphans(context);
    const isAll = flags['all'] === true;
    if (isAll) checkAdmin(context);
    const { tx, actor } = context;
    const { isPublic } = context.traits;
    const found = isAll ? await listNodes(tx) : await listNodesOf(tx, actor.id);
    if (found.length === 0)
      return { answer: { ok: true, code: 'no-nodes', details: isAll ? { isAnybodys: true } : {} } };
    const prices = await readPrices(tx);
    const shown = found.slice(0, MAX_SHOWN);
    const names = isAll
      ? await findUserNames(
          tx,
          shown.map(({ node }) => node.owner),
        )
      : undefined;
    const ownerOf = ({ node }: OwnNode): string[] => (names ? [names.get(node.owner) ?? node.owner] : []);
    const head = [...HEAD, ...(isAll ? ['OWNER'] : [])];
    const rows = [head, ...shown.map((one) => [...rowOf(one, prices, isPublic), ...ownerOf(one)])];
    const troubles = isPublic ? [] : shown.flatMap(troubleOf);
    const details = { rows, more: found.length - MAX_SHOWN, troubles };
    return { answer: { ok: true, code: 'nodes', details } };
  },
} satisfies Command;

/** What everybody reads names no repository: names of workspaces are made of theirs. */
function rowOf({ node, workspaces }: OwnNode, prices: PriceList | undefined, isPublic: boolean): string[] {
  const price = prices?.provider === node.provider ? prices.sizes[node.size] : undefined;
  return [
    node.name,
    phaseOf(node),
    node.size,
    price && prices ? perHour(price.perHour, prices.currency) : '-',
    isPublic ? String(workspaces.length) : workspaces.join(', ') || '-',
  ];
}

/** Why nothing goes on with it; what a machine failed of stands on the cards of its workspaces. */
const troubleOf = ({ node }: OwnNode): { name: string; message: string }[] =>
  node.lastError && node.attempts > 0 ? [{ name: node.name, message: saidOf(node.lastError) }] : [];

const saidOf = ({ code, details, message }: Failure): string =>
  typeof details?.['said'] === 'string' ? details['said'] : (message ?? code ?? '');

const phaseOf = ({ phase, idleSince }: Node): string => (phase === 'ready' && idleSince ? 'warm' : phase);

/** What is in doubt at the provider and in the DNS, as the sweep saw it. */
async function answerOrphans(context: CommandContext): Promise<Outcome> {
  checkAdmin(context);
  const { tx } = context;
  const [sweep] = (await readSweeps(tx)).filter(({ name }) => name === 'orphans');
  if (!sweep?.lastSuccessAt) {
    const error = sweep?.lastError;
    return { answer: { ok: true, code: 'not-looked', details: error ? { error } : {} } };
  }
  const all = await listOrphans(tx);
  const orphans = all.slice(0, MAX_ORPHANS).map(({ id, name, why, address, createdAt, wish, lastError }) => ({
    id,
    name,
    why,
    address,
    since: createdAt.toISOString(),
    change: wish,
    error: lastError,
  }));
  const details = { orphans, more: all.length - MAX_ORPHANS, lookedAt: sweep.lastSuccessAt.toISOString() };
  return { answer: { ok: true, code: 'orphans', details } };
}
