// The provider that makes VMs at Hetzner. The only place that knows hcloud-js. Knows no rows, and no DNS.
//
// hcloud-js only carries the calls: its own parsing breaks on today's replies, after the server was made, and its
// errors hold the token. So nothing of it comes out of `connect`: statuses and bodies are judged by us, and what
// it throws is dropped but for its code.
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'hcloud-js';
import type { Size } from '../../database/types.ts';
import { proveAccount, adoptUnmanaged, listUnmanaged, removeUnmanaged, readPrices } from './project.ts';
import { createBudget, type Clock } from './budget.ts';
import { createOperations, type Send } from './calls.ts';
import { createServer, findServer, listServers, removeServer, startServer } from './servers.ts';
import { createFirewall } from './firewall.ts';
import type { Provider, ServerOrder } from '../provider.ts';

export interface HetznerOptions {
  token: string;
  endpoint: string;
  installation: string;
  /** How long one operation may take, with all its calls. */
  timeoutMs: number;
  locations: string[];
  /** What a machine gets to boot with; the only secret in it is the bootstrap token. */
  bootData: (order: ServerOrder) => string;
  /** The networks that may reach port 443. Bounded in time, never throws, never empty. */
  openTo: () => Promise<string[]>;
  arch?: Arch;
  /** Hetzner's names, where they are to differ. */
  sizes?: Partial<Record<Size, string>>;
  image?: string;
  clock?: Clock;
}

export interface Hetzner extends Provider {
  /** Brings the firewall up to date, if the last look at it is a day old. Repeatable; the only chore. */
  refreshFirewall(): Promise<void>;
}

type Arch = 'x64' | 'arm64';

const SIZES: Record<Arch, Record<Size, string>> = {
  x64: { small: 'cx23', medium: 'cx33', large: 'cx43' },
  arm64: { small: 'cax11', medium: 'cax21', large: 'cax31' },
};

const REAL_CLOCK: Clock = { now: () => performance.now(), wait: (ms) => delay(ms) };

export function createHetzner(options: HetznerOptions): Hetzner {
  const { token, timeoutMs, installation, locations, arch = 'x64', clock = REAL_CLOCK } = options;
  const { bootData, openTo, image = 'debian-13' } = options;
  const sizes = { ...SIZES[arch], ...options.sizes };
  const budget = createBudget(clock);
  const begin = createOperations({ send: connect(options), budget, clock, timeoutMs, token });
  const firewall = createFirewall({ installation, clock, openTo });
  const servers = { installation, locations, sizes, image, bootData, firewall };
  const refreshFirewall = async (): Promise<void> => void (await firewall.ensure(begin('firewall')));
  return {
    name: 'hetzner',
    create: (order) =>
      createServer(servers, begin('create', { secrets: [order.boot.bootstrapToken] }), order),
    find: (name) => findServer(servers, begin('find'), name),
    list: () => listServers(servers, begin('list')),
    proveAccount: (names) => proveAccount(servers, begin('look'), names),
    start: (server) => startServer(servers, begin('start'), server),
    remove: (server) => removeServer(servers, begin('remove'), server),
    unmanaged: {
      list: () => listUnmanaged(servers, begin('list unmanaged')),
      remove: (server) => removeUnmanaged(begin('remove unmanaged'), server),
      adopt: (server, order) => adoptUnmanaged(servers, begin('adopt'), server, order),
    },
    prices: () => readPrices(begin('prices'), { sizes, locations }),
    // It looks again when its last look is a day old.
    housekeeping: [{ name: 'firewall', everyMs: 6 * 3_600_000, run: refreshFirewall }],
    refreshFirewall,
  };
}

const MAX_REPLY_BYTES = 16 * 1024 * 1024;

function connect({ token, endpoint, timeoutMs }: HetznerOptions): Send {
  const baseURL = endpoint.replace(/\/+$/, '');
  const { axios } = new Client({ token, baseURL, timeout: timeoutMs });
  return async ({ method, path, query, body, timeoutMs: timeout }) => {
    try {
      const { status, headers, data } = await axios({
        method,
        url: path,
        params: query,
        data: body,
        timeout,
        // The time-out of axios ends with the head of an answer.
        signal: AbortSignal.timeout(timeout),
        validateStatus: () => true,
        maxRedirects: 0,
        maxContentLength: MAX_REPLY_BYTES,
      });
      return { status, headers, body: data };
    } catch (error) {
      return { status: 0, headers: {}, body: undefined, lost: codeOf(error) };
    }
  };
}

/** All that may be told of what axios throws: the rest holds the request, and so the token. */
function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z_]{1,40}$/.test(code) ? code : 'network';
}
