// What a machine costs, from its row and a price list alone.
import { expect, test } from 'vitest';
import type { Node } from '../../bot/database/schema.ts';
import { costOf, monthOf } from '../../bot/billing/prices.ts';
import { nodeRow } from '../workspaces/rows.ts';
import type { PriceList } from '../../bot/workspaces/store/settings.ts';

const prices: PriceList = {
  currency: 'EUR',
  provider: 'hetzner',
  sizes: { medium: { perHour: 0.01, perMonth: 6 } },
};
const at = (text: string): Date => new Date(text);
const cost = (patch: Partial<Node>, now = '2026-05-10T12:00:00Z'): number =>
  costOf(
    nodeRow({ provider: 'hetzner', createSentAt: at('2026-05-10T02:30:00Z'), ...patch }),
    prices,
    monthOf(at(now)),
    at(now),
  );

test('started hours count whole, from the create on', () => {
  expect(cost({})).toBeCloseTo(0.1);
  expect(cost({ createSentAt: null })).toBe(0);
});

test('it counts until it is gone, whatever its state, and only in this month', () => {
  const gone = { phase: 'deleted', phaseSince: at('2026-05-10T04:00:00Z') } as const;
  expect(cost(gone)).toBeCloseTo(0.02);
  for (const phase of ['unhealthy', 'deleting', 'failed'] as const) expect(cost({ phase })).toBeCloseTo(0.1);
  expect(cost(gone, '2026-06-01T01:00:00Z')).toBe(0);
  expect(cost({}, '2026-06-01T01:00:00Z')).toBeCloseTo(0.01);
});

test('a month never costs more than its price, and what has no price costs nothing', () => {
  expect(cost({ createSentAt: at('2026-05-01T00:00:00Z') }, '2026-05-31T23:00:00Z')).toBe(6);
  expect(cost({ provider: 'local' })).toBe(0);
  expect(cost({ size: 'large' })).toBe(0);
});
