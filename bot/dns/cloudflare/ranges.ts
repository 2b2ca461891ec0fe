// The networks of Cloudflare's edge: nobody else may reach a node. Knows no firewall.
import { BlockList, isIP } from 'node:net';
import { connect } from './client.ts';
import { toFault } from './errors.ts';

export interface RangesOptions {
  token: string;
  baseUrl?: string | undefined;
  timeoutMs: number;
  /** ms, on a clock that never goes back. */
  now?: () => number;
  /** Hears when the list could not be fetched. */
  warn: (error: unknown) => void;
}

/** https://www.cloudflare.com/ips, as it was when this was written; holds until the first answer. */
export const BUILT_IN: readonly string[] = [
  '173.245.48.0/20',
  '103.21.244.0/22',
  '103.22.200.0/22',
  '103.31.4.0/22',
  '141.101.64.0/18',
  '108.162.192.0/18',
  '190.93.240.0/20',
  '188.114.96.0/20',
  '197.234.240.0/22',
  '198.41.128.0/17',
  '162.158.0.0/15',
  '104.16.0.0/13',
  '104.24.0.0/14',
  '172.64.0.0/13',
  '131.0.72.0/22',
  '2400:cb00::/32',
  '2606:4700::/32',
  '2803:f800::/32',
  '2405:b500::/32',
  '2405:8100::/32',
  '2a06:98c0::/29',
  '2c0f:f248::/32',
];

const DAY_MS = 24 * 60 * 60_000;
/** A rule at Hetzner takes so many; and a wider network would be no edge. */
const MOST = 100;
const WIDEST = { 4: 12, 6: 28 };

/** The list, fetched at most once a day. Never throws and is never empty: else the last one, else the built-in. */
export function createCloudflareRanges(options: RangesOptions): () => Promise<string[]> {
  const { now = () => performance.now(), warn } = options;
  const client = connect(options);
  let known: string[] = [...BUILT_IN];
  let fetchedAt: number | undefined;

  async function fetchRanges(): Promise<string[]> {
    const signal = AbortSignal.timeout(options.timeoutMs);
    const { ipv4_cidrs: v4 = [], ipv6_cidrs: v6 = [] } = await client.ips.list({}, { signal });
    const ranges = [...v4, ...v6];
    if (v4.length === 0 || ranges.length > MOST || !ranges.every(isEdge))
      throw new Error('cloudflare: list networks: this is no list of the networks of an edge');
    return ranges;
  }

  return async () => {
    if (fetchedAt !== undefined && now() - fetchedAt < DAY_MS) return known;
    try {
      known = await fetchRanges();
      fetchedAt = now();
    } catch (error) {
      warn(toFault('list networks', error, [options.token]));
    }
    return known;
  };
}

function isEdge(range: unknown): boolean {
  if (typeof range !== 'string') return false;
  const [address = '', length = ''] = range.split('/');
  const family = isIP(address);
  if (family === 0 || !/^\d{1,3}$/.test(length)) return false;
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  try {
    new BlockList().addSubnet(address, Number(length), kind);
  } catch {
    return false;
  }
  return Number(length) >= WIDEST[family === 4 ? 4 : 6];
}
