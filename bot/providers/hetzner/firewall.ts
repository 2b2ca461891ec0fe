// The one firewall of an installation: 443 for the networks that are given, and nothing else comes in.
// Knows no server; servers name it when they are made.
import { z } from 'zod';
import type { Clock } from './budget.ts';
import type { Operation } from './calls.ts';
import { fault } from './errors.ts';
import { isInstallations, toLabelValue } from './shown.ts';

export interface FirewallOptions {
  installation: string;
  clock: Clock;
  /** The networks that may come in. Bounded in time, never throws, never empty. */
  openTo: () => Promise<string[]>;
}

export interface Firewall {
  /** Looks again when the last look is a day old; callers at the same time share one look. */
  ensure(operation: Operation): Promise<{ id: number; isFromMemory: boolean }>;
  /** The next `ensure` looks again. */
  forget(): void;
  /** Asks, and makes none. */
  isThere(operation: Operation): Promise<boolean>;
}

const DAY_MS = 24 * 60 * 60_000;

const ruleShape = z.object({
  direction: z.string(),
  protocol: z.string(),
  port: z.string().nullish(),
  source_ips: z.array(z.string()).default([]),
});
const firewallShape = z.object({
  id: z.number().int(),
  name: z.string(),
  labels: z.record(z.string(), z.string()).default({}),
  rules: z.array(ruleShape),
});
const oneShape = z.object({ firewall: firewallShape });
const listShape = z.object({ firewalls: z.array(firewallShape) });
const anyShape = z.object({});

type Found = z.infer<typeof firewallShape>;

export function createFirewall(options: FirewallOptions): Firewall {
  const { clock } = options;
  let known: { id: number; seenAt: number } | undefined;
  let looking: Promise<number> | undefined;

  async function look(operation: Operation): Promise<number> {
    const id = await keep(options, operation);
    known = { id, seenAt: clock.now() };
    return id;
  }

  return {
    async ensure(operation) {
      if (known && clock.now() - known.seenAt < DAY_MS) return { id: known.id, isFromMemory: true };
      looking ??= look(operation).finally(() => (looking = undefined));
      return { id: await looking, isFromMemory: false };
    },
    forget: () => (known = undefined),
    isThere: async (operation) => (await find(options, operation)) !== undefined,
  };
}

async function keep(options: FirewallOptions, operation: Operation): Promise<number> {
  const rules = rulesFor(await options.openTo());
  const found = (await find(options, operation)) ?? (await make(options, operation, rules));
  if (isSame(found.rules, rules)) return found.id;
  const path = `/firewalls/${found.id}/actions/set_rules`;
  await operation.call({ method: 'POST', path, body: { rules }, shape: anyShape, isSafe: true });
  return found.id;
}

const nameOf = (installation: string): string => `sam-${toLabelValue(installation)}`;

async function find(
  { installation }: FirewallOptions,
  { name, call }: Operation,
): Promise<Found | undefined> {
  const query = { name: nameOf(installation) };
  const page = await call({ method: 'GET', path: '/firewalls', query, shape: listShape });
  const found = page?.firewalls.find((one) => one.name === query.name);
  if (!found || isInstallations(installation, found.labels)) return found;
  throw fault(
    name,
    { retryable: false },
    `the firewall ${query.name} is not ours: its labels are missing. Rename it in the Hetzner Console.`,
  );
}

async function make(
  options: FirewallOptions,
  operation: Operation,
  rules: ReturnType<typeof rulesFor>,
): Promise<Found> {
  const name = nameOf(options.installation);
  const labels = { 'managed-by': 'sam', 'sam-installation': toLabelValue(options.installation) };
  const body = { name, labels, rules };
  try {
    const made = await operation.call({
      method: 'POST',
      path: '/firewalls',
      body,
      shape: oneShape,
      isSafe: true,
    });
    if (made) return made.firewall;
  } catch (error) {
    // Another bot, or an answer that got lost: the name is unique, so a second look settles it.
    const found = await find(options, operation);
    if (!found) throw error;
    return found;
  }
  throw fault(operation.name, { retryable: true }, 'Hetzner has no firewalls at this address.');
}

const rulesFor = (networks: string[]) => [
  {
    direction: 'in',
    protocol: 'tcp',
    port: '443',
    source_ips: networks.toSorted(),
    description: 'the edge alone',
  },
];

function isSame(found: Found['rules'], wanted: ReturnType<typeof rulesFor>): boolean {
  const text = (rules: Found['rules']) =>
    JSON.stringify(
      rules.map((rule) => [rule.direction, rule.protocol, rule.port, rule.source_ips.toSorted()]),
    );
  return text(found) === text(wanted);
}
