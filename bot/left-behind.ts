// What a new configuration would leave behind: machines and names that only the old one can see. Calls nobody outside.
import { TERMINAL } from './chat/wording.ts';
import type { Config } from './config.ts';
import { StartError } from './errors.ts';
import { traitsIn } from './providers/index.ts';
import type { ProviderTable } from './providers/provider.ts';
import type { Executor } from './database/types.ts';
import { listMade } from './workspaces/store/nodes.ts';

type Made = Awaited<ReturnType<typeof listMade>>[number];

/** Throws StartError if there is any: nobody would delete it, and at a cloud it is paid for. */
export async function refuseLeftBehind(
  db: Executor,
  { machines, dns }: Config,
  providers: ProviderTable,
): Promise<void> {
  const made = await listMade(db);
  const elsewhere = made.filter(({ provider }) => provider !== machines.provider);
  if (elsewhere.length > 0) throw new StartError(describeElsewhere(elsewhere, machines.provider, providers));
  const renamed = made.filter(({ host }) => host && dns && !host.endsWith(`.${dns.domain}`));
  if (dns && renamed.length > 0) throw new StartError(describeRenamed(renamed, dns.domain));
}

function describeElsewhere(left: Made[], chosen: string, providers: ProviderTable): string {
  const old = left[0]?.provider ?? '';
  const cost = traitsIn(providers)(old).isBilled ? 'they are paid for' : 'they run on';
  const back = providers[old]?.wayBack ?? `Set PROVIDER=${old}`;
  return (
    `Sam still has machines of the provider \`${old}\`: ${listed(left)}. With \`${chosen}\` nobody sees or deletes them, and ${cost}.\n` +
    `${back} and start; ${howToEnd(left)}, and change the provider after that.`
  );
}

const describeRenamed = (left: Made[], domain: string): string =>
  `Sam still has machines whose names are not below ${domain}: ${left.map(({ host }) => host).join(', ')}.\n` +
  `Put the old BASE_DOMAIN back and start; ${howToEnd(left)}, and change it after that.`;

/** At the console: whoever starts Sam has it. */
function howToEnd([first]: Made[]): string {
  const { say } = TERMINAL;
  const remove = `node rm ${first?.name}`;
  return `delete their workspaces (${say('rm NAME')}) and them (${say(remove)}; one that does not exist any more: ${say(`${remove} --gone`)})`;
}

const listed = (left: Made[]): string => left.map(({ name }) => name).join(', ');
