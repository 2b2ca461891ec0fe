// The clouds that the configuration names: what makes the machines, and what gives them names. Loads no SDK unasked.
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { CertificateOptions } from './nodes/certificate.ts';
import type { Config } from './config.ts';
import type { Dns } from './dns/dns.ts';
import { messageOf } from './errors.ts';
import { createProvider } from './providers/index.ts';
import type { Provider } from './providers/provider.ts';
import { timingFrom } from './workspaces/timing.ts';

export interface Clouds {
  provider: Provider;
  /** Undefined: nodes have no names of their own, and are reached through the bot. */
  dns: Dns | undefined;
  /** Where browsers find terminals, beside the bot: `wss://*.nodes.example.com`. */
  nodeOrigins: string[];
}

export interface CloudOptions {
  config: Config;
  env: NodeJS.ProcessEnv;
  installation: string;
  log: Logger;
}

const AGENT = join(import.meta.dirname, '../agent/main.ts');

export async function openClouds(options: CloudOptions): Promise<Clouds> {
  const { config } = options;
  return {
    provider: await openProvider(options),
    dns: config.machines.provider === 'local' ? undefined : await openDns(options),
    nodeOrigins: config.machines.provider === 'local' || !config.dns ? [] : [`wss://*.${config.dns.domain}`],
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

async function openProvider(options: CloudOptions): Promise<Provider> {
  const { config, env, installation } = options;
  const { machines, baseUrl, dataDir } = config;
  const common = { installation, timeoutMs: callTimeoutMs(config) };
  const local = { url: baseUrl, dataDir, agent: { command: [process.execPath, AGENT] }, env };
  if (machines.provider === 'local') return createProvider('local', { ...common, local });
  const { bootData } = await import('./providers/boot/cloud-init.ts');
  const { image, ...account } = machines.hetzner;
  return createProvider('hetzner', {
    ...common,
    local,
    hetzner: {
      ...account,
      ...(image !== undefined && { image }),
      bootData: ({ boot }) => bootData(boot),
      openTo: await edgeNetworks(options),
    },
  });
}

async function openDns({ config, installation }: CloudOptions): Promise<Dns | undefined> {
  if (!config.dns) return undefined;
  const { createCloudflareDns } = await import('./dns/cloudflare/cloudflare.ts');
  return createCloudflareDns({ ...config.dns, installation, timeoutMs: callTimeoutMs(config) });
}

/** Whoever may reach the nodes. Its own time is a part of an operation's: the firewall is looked at within a create. */
async function edgeNetworks({ config, log }: CloudOptions): Promise<() => Promise<string[]>> {
  const { createCloudflareRanges } = await import('./dns/cloudflare/ranges.ts');
  return createCloudflareRanges({
    token: config.dns?.token ?? '',
    baseUrl: config.dns?.baseUrl,
    timeoutMs: callTimeoutMs(config) / 4,
    warn: (error) => log.warn({ error: messageOf(error) }, 'the networks of the edge could not be fetched'),
  });
}
