// The deadlines: all from one base, and none ends before the one that it waits for.
import { expect, test } from 'vitest';
import { timingFrom, type Timing } from '../../bot/workspaces/timing.ts';

const usual = timingFrom();

test('half the base is half of every time', () => {
  const half = timingFrom(15_000);
  for (const name of Object.keys(usual) as (keyof Timing)[]) expect(half[name], name).toBe(usual[name] / 2);
});

test('a node is unhealthy after three missed heartbeats', () => {
  expect(usual.silenceMs).toBe(3 * usual.heartbeatMs);
});

test('who waits for something has more time than that takes', () => {
  expect(usual.quietMs).toBeGreaterThan(2 * usual.callTimeoutMs);
  expect(usual.creatingMs).toBeGreaterThan(2 * usual.quietMs);
  expect(usual.provisioningMs).toBeGreaterThan(usual.creatingMs + usual.bootMs);
  expect(usual.graceMs).toBeGreaterThan(usual.quietMs + usual.callTimeoutMs);
  expect(usual.lookAgainMs).toBeLessThan(usual.silenceMs);
});

test('a machine that is kept although it was late could still redeem its token', () => {
  const tokenLifeMs = 15 * 60_000;
  expect(usual.bootMs + usual.rescueMs).toBeLessThanOrEqual(tokenLifeMs);
});
