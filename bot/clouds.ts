// The clouds that the configuration names: what makes the machines, and what gives them names. Loads no SDK unasked.
// Also what a new configuration would leave behind: machines and names that only the old one can see.
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { CertificateOptions } from './nodes/certificate.ts';
import type { Config } from './config.ts';
import type { Dns } from './dns/dns.ts';
import { messageOf, StartError } from './errors.ts';
import { entryOf, traitsIn } from './providers/index.ts';
import type { Provider, ProviderTable } from './providers/provider.ts';
import { timingFrom } from './workspaces/timing.ts';
import { TERMINAL } from './chat/wording.ts';
import type { Executor } from './database/types.ts';
import { listMade } from './workspaces/store/nodes.ts';

export interface Clouds {
  provider: Provider;
  /** Undefined: nodes have no names of their own, and are reached through the bot. */
  dns: Dns | undefined;
  /** Where browsers find terminals, beside the bot: `wss://*.nodes.example.com`. */
  nodeOrigins: string[];
}

export interface CloudOptions {
  config: Config;
  providers: ProviderTable;
  env: NodeJS.ProcessEnv;
  installation: string;
  log: Logger;
}

const AGENT = join(import.meta.dirname, '../agent/main.ts');

export async function openClouds(options: CloudOptions): Promise<Clouds> {
  const { config, providers } = options;
  const entry = entryOf(providers, config.machines.provider);
  const hasNames = entry.traits.terminal === 'tls';
  return {
    provider: await openProvider(options),
    dns: hasNames ? await openDns(options) : undefined,
    nodeOrigins: hasNames && config.dns ? [`wss://*.${config.dns.domain}`] : [],
  };
}

/** What nodes are called, and how they get certificates for it. */
export function namesOf({ dns, provider }: Clouds): Pick<CertificateOptions, 'hostnameOf' | 'issue'> {
  return {
    hostnameOf: (node) => (dns && node.provider === provider.name ? `${node.name}.${dns.domain}` : undefined),
    async issue(csr, hostname) {
      if (!dns) throw new Error('there is no DNS');
      return (await dns.issueCertificate(csr, [hostname])).certificate;
    },
  };
}

const callTimeoutMs = ({ baseMs }: Config): number => timingFrom(baseMs).callTimeoutMs;

function openProvider(options: CloudOptions): Promise<Provider> {
  const { config, providers, env, installation } = options;
  const { machines, baseUrl: url, dataDir, network } = config;
  return entryOf(providers, machines.provider).open(machines.settings, {
    installation,
    timeoutMs: callTimeoutMs(config),
    url,
    dataDir,
    agentCommand: [process.execPath, AGENT],
    env,
    network,
    edgeNetworks: edgeNetworks(options),
  });
}

async function openDns({ config, installation }: CloudOptions): Promise<Dns | undefined> {
  if (!config.dns) return undefined;
  const { createCloudflareDns } = await import('./dns/cloudflare/cloudflare.ts');
  return createCloudflareDns({ ...config.dns, installation, timeoutMs: callTimeoutMs(config) });
}

/** Whoever may reach the nodes. Its own time is a part of an operation's: the firewall is looked at within a create. */
function edgeNetworks({ config, log }: CloudOptions): () => Promise<string[]> {
  let ranges: (() => Promise<string[]>) | undefined;
  return async () => {
    const { createCloudflareRanges } = await import('./dns/cloudflare/ranges.ts');
    ranges ??= createCloudflareRanges({
      token: config.dns?.token ?? '',
      baseUrl: config.dns?.baseUrl,
      timeoutMs: callTimeoutMs(config) / 4,
      warn: (error) => log.warn({ error: messageOf(error) }, 'the networks of the edge could not be fetched'),
    });
    return ranges();
  };
}

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
