// Where the names of nodes live, read as one group: all of it, or none. Asks nobody.
import type { Reader } from '../environment.ts';

export interface DnsConfig {
  /** Nodes are names below it; lower case. */
  domain: string;
  token: string;
  zoneId: string;
  /** Undefined: Cloudflare's own. */
  baseUrl: string | undefined;
}

const GROUP = ['BASE_DOMAIN', 'CLOUDFLARE_API_TOKEN', 'CLOUDFLARE_ZONE_ID'] as const;

/** Undefined if nothing of the group is set and nobody needs it. `neededBy`: `PROVIDER hetzner`, as people read it. */
export function readDns({ read, text, problems }: Reader, neededBy?: string): DnsConfig | undefined {
  const domain = read('BASE_DOMAIN', '', parseDomain, 'a domain like `nodes.example.com`, without https://');
  const zoneId = read('CLOUDFLARE_ZONE_ID', '', parseZone, "the zone's id: 32 digits and letters a to f");
  const baseUrl = read(
    'CLOUDFLARE_BASE_URL',
    undefined,
    parseAddress,
    'an address like https://api.cloudflare.com/client/v4',
  );
  const missing = GROUP.filter((name) => text(name) === undefined);
  if (missing.length === GROUP.length && !neededBy) return undefined;
  if (missing.length > 0)
    problems.push(
      `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing; ` +
        `${neededBy ? `${neededBy} needs` : 'the names of nodes need'} all of ${GROUP.join(', ')}`,
    );
  return { domain, token: text('CLOUDFLARE_API_TOKEN') ?? '', zoneId, baseUrl };
}

/** At least two labels, and room for the node's own in front. */
function parseDomain(value: string): string | undefined {
  const domain = value.toLowerCase();
  const labels = domain.split('.');
  const isGood = labels.every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label));
  return isGood && labels.length > 1 && domain.length <= 200 ? domain : undefined;
}

const parseZone = (value: string): string | undefined => (/^[0-9a-f]{32}$/.test(value) ? value : undefined);

const parseAddress = (value: string): string | undefined =>
  URL.canParse(value) && /^https?:$/.test(new URL(value).protocol) ? value.replace(/\/+$/, '') : undefined;
