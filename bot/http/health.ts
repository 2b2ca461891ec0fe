// Whether Sam is well, for supervisors and dashboards: /healthz, /readyz, /metrics. Changes nothing.
import { Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { sendJson, type Route } from './routes.ts';
import type { Executor } from '../database/types.ts';
import { countPhases } from '../workspaces/store/reconciled.ts';
import { readSweeps } from '../workspaces/store/sweeps.ts';

export interface HealthOptions {
  db: Executor;
  /** Each sweep and how often it should go through; ms. */
  sweeps: { name: string; everyMs: number }[];
  version: string;
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
      async handle(_req, res) {
        const sweeps = await judgeSweeps(options, startedAt).catch(() => undefined);
        const isReady = sweeps !== undefined && sweeps.every((sweep) => !sweep.isLate);
        sendJson(res, isReady ? 200 : 503, {
          ok: isReady,
          database: sweeps !== undefined,
          sweeps: sweeps ?? [],
        });
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      async handle(_req, res) {
        const text = await registry.metrics();
        res.writeHead(200, { 'content-type': registry.contentType, 'cache-control': 'no-store' }).end(text);
      },
    },
  ];
}

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
