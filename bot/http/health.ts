// Whether Sam is well, for supervisors and dashboards: /healthz, /readyz, /metrics. Changes nothing.
import { Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import type { IncomingMessage } from 'node:http';
import { bearerOf, isSameSecret } from '../access/secrets.ts';
import { fail, sendJson, type Route } from './routes.ts';
import type { Executor } from '../database/types.ts';
import { countPhases } from '../workspaces/store/reconciled.ts';
import { readSweeps } from '../workspaces/store/sweeps.ts';

export interface HealthOptions {
  db: Executor;
  /** Each sweep and how often it should go through; ms. */
  sweeps: { name: string; everyMs: number }[];
  version: string;
  /** Who has it sees how much is going on; undefined: who asks from this very machine. */
  metricsToken: string | undefined;
}

/** A sweep is late when its last success is older than two periods (and a minute for a slow start). */
const LATE_PERIODS = 2;
const GRACE_MS = 60_000;

export function healthRoutes(options: HealthOptions): Route[] {
  const startedAt = Date.now();
  const registry = createRegistry(options);
  return [
    {
      method: 'GET',
      path: '/healthz',
      handle: (_req, res) => sendJson(res, 200, { ok: true, version: options.version }),
    },
    {
      method: 'GET',
      path: '/readyz',
      async handle(req, res) {
        const sweeps = await judgeSweeps(options, startedAt).catch(() => undefined);
        const isReady = sweeps !== undefined && sweeps.every((sweep) => !sweep.isLate);
        const details = { database: sweeps !== undefined, sweeps: sweeps ?? [] };
        sendJson(res, isReady ? 200 : 503, { ok: isReady, ...(maySee(options, req) && details) });
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      async handle(req, res) {
        if (!maySee(options, req))
          return fail(res, 401, 'unauthorized', 'This needs METRICS_TOKEN as bearer.');
        const text = await registry.metrics();
        res.writeHead(200, { 'content-type': registry.contentType, 'cache-control': 'no-store' }).end(text);
      },
    },
  ];
}

/** What proxies add, each its own. A request without any of them, from this machine to this machine, came through none. */
const FORWARDED = /^(forwarded|via|x-forwarded-.*|x-real-ip|cf-.*|true-client-ip|x-client-ip|x-original-.*)$/;

function maySee({ metricsToken }: HealthOptions, req: IncomingMessage): boolean {
  if (metricsToken !== undefined) {
    const given = bearerOf(req.headers.authorization);
    return given !== undefined && isSameSecret(given, metricsToken);
  }
  const isHere = isLoopback(req.socket.remoteAddress ?? '') && isLoopback(hostOf(req));
  return isHere && !Object.keys(req.headers).some((name) => FORWARDED.test(name));
}

/** What the client called us: a proxy that adds nothing may leave the public name in place. */
const hostOf = ({ headers }: IncomingMessage): string =>
  URL.parse(`http://${headers.host ?? ''}`)?.hostname ?? '';

const isLoopback = (address: string): boolean =>
  /^((::ffff:)?127\.\d+\.\d+\.\d+|\[?::1\]?|localhost)$/.test(address);

interface SweepHealth {
  name: string;
  lastSuccessAt: Date | null;
  lastError: string | null;
  isLate: boolean;
}

async function judgeSweeps({ db, sweeps }: HealthOptions, startedAt: number): Promise<SweepHealth[]> {
  const rows = await readSweeps(db);
  return sweeps.map(({ name, everyMs }) => {
    const row = rows.find((known) => known.name === name);
    const since = Math.max(row?.lastSuccessAt?.getTime() ?? 0, startedAt);
    return {
      name,
      lastSuccessAt: row?.lastSuccessAt ?? null,
      lastError: row?.lastError ?? null,
      isLate: Date.now() - since > LATE_PERIODS * everyMs + GRACE_MS,
    };
  });
}

function createRegistry(options: HealthOptions): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = (
    name: string,
    help: string,
    label: string,
    read: () => Promise<[string, number][]>,
  ): void => {
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [registry],
      async collect() {
        this.reset();
        for (const [value, count] of await read()) this.set({ [label]: value }, count);
      },
    });
  };
  gauge('sam_workspaces', 'Workspaces by phase.', 'phase', () => countPhases(options.db, 'workspace'));
  gauge('sam_nodes', 'Nodes by phase.', 'phase', () => countPhases(options.db, 'node'));
  gauge(
    'sam_sweep_last_success_seconds',
    'When each sweep last went through, in seconds since 1970.',
    'sweep',
    async () =>
      (await readSweeps(options.db)).map((row) => [row.name, (row.lastSuccessAt?.getTime() ?? 0) / 1000]),
  );
  gauge('sam_sweep_failed', '1 if the last run of the sweep failed.', 'sweep', async () =>
    (await readSweeps(options.db)).map((row) => [row.name, row.lastError === null ? 0 : 1]),
  );
  return registry;
}
