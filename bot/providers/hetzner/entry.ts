// The line of Hetzner in the table, and the variables that it is configured by. Loads no SDK and asks nobody.
import type { Size } from '../../database/types.ts';
import type { Reader } from '../../environment.ts';
import type { ProviderEntry } from '../provider.ts';

export interface HetznerSettings {
  token: string;
  /** Without a slash at the end. */
  endpoint: string;
  /** Tried in this order when one has no room. */
  locations: string[];
  arch: 'x64' | 'arm64';
  /** Hetzner's names, where they differ from ours for the architecture. */
  sizes: Partial<Record<Size, string>>;
  /** `debian-13` if not given: what it boots with is written for Debian and Ubuntu. */
  image: string | undefined;
}

export const hetzner: ProviderEntry<HetznerSettings> = {
  traits: { terminal: 'tls', users: 'per-workspace', sharesHost: false, isBilled: true },
  label: 'Hetzner',
  wayBack: 'Put HCLOUD_TOKEN back',
  isConfigured: ({ text }) => text('HCLOUD_TOKEN') !== undefined,
  readSettings,
  describe: ({ arch, locations }) => `${arch} VMs in ${locations.join(', ')}`,
  architectures: ({ arch }) => [arch],
  async open({ image, ...account }, { installation, timeoutMs, edgeNetworks, network }) {
    const [{ createHetzner }, { bootData }] = await Promise.all([
      import('./hetzner.ts'),
      import('../boot/cloud-init.ts'),
    ]);
    return createHetzner({
      installation,
      timeoutMs,
      ...account,
      ...(image !== undefined && { image }),
      bootData: ({ boot }) => bootData(boot, network),
      openTo: edgeNetworks,
    });
  },
};

function readSettings({ read, text, problems }: Reader, isChosen: boolean): HetznerSettings {
  const token = text('HCLOUD_TOKEN') ?? '';
  const settings: HetznerSettings = {
    token,
    endpoint: read(
      'HCLOUD_ENDPOINT',
      'https://api.hetzner.cloud/v1',
      parseEndpoint,
      'an address like https://api.hetzner.cloud/v1',
    ),
    locations: read(
      'HCLOUD_LOCATIONS',
      ['nbg1', 'fsn1', 'hel1'],
      parseLocations,
      'names of locations like `nbg1,fsn1`, each once',
    ),
    arch: read(
      'HCLOUD_ARCH',
      'x64',
      (value) => (value === 'x64' || value === 'arm64' ? value : undefined),
      '`x64` or `arm64`',
    ),
    sizes: read('HCLOUD_SIZES', {}, parseSizes, 'pairs like `small=cx23,large=cx43`'),
    image: read('HCLOUD_IMAGE', undefined, parseName, 'the name of an image, like `debian-13`'),
  };
  if (isChosen && !token)
    problems.push('HCLOUD_TOKEN is missing; PROVIDER `hetzner` needs an API token with "Read & Write"');
  return settings;
}

/** The token goes there: an address with a user, a query or a fragment is a mistake. */
function parseEndpoint(value: string): string | undefined {
  if (!URL.canParse(value)) return undefined;
  const { protocol, origin, pathname, search, hash, username } = new URL(value);
  if (!/^https?:$/.test(protocol) || search || hash || username) return undefined;
  return `${origin}${pathname}`.replace(/\/+$/, '');
}

const parseName = (value: string): string | undefined =>
  /^[a-z0-9][a-z0-9.-]{0,62}$/.test(value) ? value : undefined;

function parseLocations(value: string): string[] | undefined {
  const names = value.split(',').map((name) => name.trim());
  const isGood = names.every((name) => /^[a-z0-9-]{2,20}$/.test(name));
  return isGood && new Set(names).size === names.length ? names : undefined;
}

function parseSizes(value: string): Partial<Record<Size, string>> | undefined {
  const pairs = value.split(',').map((pair) => /^\s*(small|medium|large)=([a-z0-9-]{2,20})\s*$/.exec(pair));
  if (pairs.includes(null)) return undefined;
  const sizes = Object.fromEntries(pairs.map((pair) => [pair?.[1], pair?.[2]]));
  return Object.keys(sizes).length === pairs.length ? sizes : undefined;
}
