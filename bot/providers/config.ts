// Which provider makes the machines, and what Hetzner needs to be told. Read from the environment; asks nobody.
import type { Size } from '../database/types.ts';
import type { Reader } from '../environment.ts';

export interface HetznerConfig {
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

export type ProviderConfig = { provider: 'local' } | { provider: 'hetzner'; hetzner: HetznerConfig };

/** With a token for Hetzner and no PROVIDER it is `hetzner`. What is missing or bad is added to the reader's problems. */
export function readProvider(reader: Reader): ProviderConfig {
  const { read, text, problems } = reader;
  const provider = read(
    'PROVIDER',
    text('HCLOUD_TOKEN') ? 'hetzner' : 'local',
    (value) => (value === 'local' || value === 'hetzner' ? value : undefined),
    '`hetzner` or `local`',
  );
  const hetzner: HetznerConfig = {
    token: text('HCLOUD_TOKEN') ?? '',
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
  if (provider === 'local') return { provider };
  if (!hetzner.token)
    problems.push('HCLOUD_TOKEN is missing; PROVIDER `hetzner` needs an API token with "Read & Write"');
  return { provider, hetzner };
}

/** The token goes there: an address with a user, a query or a fragment is a mistake. */
export function parseEndpoint(value: string): string | undefined {
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
