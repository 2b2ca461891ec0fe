// The calls that Hetzner takes in an hour, and what happens when they are used up.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createBudget } from '../../bot/providers/hetzner/budget.ts';
import { errorOf } from './contract.ts';
import { aClock, aProject, refusal } from './hetzner-project.ts';

describe('the calls that Hetzner takes', () => {
  const headers = (remaining: number, more: Record<string, string> = {}) => ({
    'ratelimit-limit': '3600',
    'ratelimit-remaining': String(remaining),
    ...more,
  });

  test('are counted by us too: the bucket fills by one a second', async () => {
    const clock = aClock();
    const budget = createBudget(clock);
    for (let count = 0; count < 3_600; count += 1) expect(await budget.take(0)).toBe(0);
    expect(await budget.take(0)).toBe(1_000);
    expect(await budget.take(1_000)).toBe(0);
    expect(clock.waits).toEqual([1_000]);
  });

  test('wait in a queue: who comes later waits longer', async () => {
    const clock = { time: 0, now: () => clock.time, wait: async () => undefined };
    const budget = createBudget(clock);
    expect(await budget.take(0)).toBe(0);
    budget.settle(200, headers(0));
    const queue = [budget.take(10_000), budget.take(10_000)];
    clock.time = 10_000;
    await Promise.all(queue);
    clock.time = 0;
    expect(await budget.take(0)).toBe(3_000);
  });

  test('are what the replies say, less what is under way', async () => {
    const clock = aClock();
    const budget = createBudget(clock);
    for (let count = 0; count < 3; count += 1) await budget.take(0);
    budget.settle(200, headers(2));
    // Two are under way that this reply may not know of.
    expect(await budget.take(0)).toBe(1_000);
    budget.settle(200, headers(2));
    expect(await budget.take(0)).toBe(0);
  });

  test('come back as slowly as the reset says', async () => {
    const clock = aClock();
    const budget = createBudget(clock);
    await budget.take(0);
    const date = 'Mon, 01 Jul 2024 08:00:00 GMT';
    const reset = String(Date.parse(date) / 1_000 + 7_200);
    budget.settle(200, headers(0, { date, 'ratelimit-reset': reset }));
    expect(await budget.take(0)).toBe(2_000);
  });

  test.each([
    ['17', 17_000],
    ['99999', 3_600_000],
    ['Mon, 01 Jul 2024 08:00:30 GMT', 30_000],
    ['soon', 1_000],
  ])('stop after a 429 for as long as Retry-After says: %s', async (value, pauseMs) => {
    const clock = aClock();
    const budget = createBudget(clock);
    await budget.take(0);
    budget.settle(429, { 'retry-after': value, date: 'Mon, 01 Jul 2024 08:00:00 GMT' });
    expect(await budget.take(500)).toBe(pauseMs);
    expect(await budget.take(pauseMs)).toBe(0);
  });

  test('survive headers that make no sense', async () => {
    const numbers = fc.oneof(
      fc.string(),
      fc.double().map(String),
      fc.integer().map(String),
      fc.constant(undefined),
    );
    await fc.assert(
      fc.asyncProperty(numbers, numbers, numbers, numbers, async (limit, remaining, reset, retry) => {
        const clock = aClock();
        const budget = createBudget(clock);
        await budget.take(0);
        budget.settle(200, {
          'ratelimit-limit': limit,
          'ratelimit-remaining': remaining,
          'ratelimit-reset': reset,
          'retry-after': retry,
        });
        const waitMs = await budget.take(0);
        expect(waitMs).toBeGreaterThanOrEqual(0);
        expect(waitMs).toBeLessThanOrEqual(36_000_000);
      }),
    );
  });

  test('are not made when they are used up: whoever calls hears when to come again', async () => {
    const clock = aClock(Date.now());
    const { fake, provider } = await aProject({ perHour: 3, now: clock.now }, { clock });
    for (let count = 0; count < 3; count += 1) await provider.list();
    const error = await errorOf(provider.list());
    expect(error).toMatchObject({ retryable: true, hadNoEffect: true });
    expect(error.retryAfterMs).toBeGreaterThan(60_000);
    expect(fake.seen).toHaveLength(3);
    clock.time += 1_200_000;
    await provider.list();
  });

  test('of another bot in the project are learned from a 429', async () => {
    const { fake, provider } = await aProject();
    fake.fail({ fault: refusal(429, 'rate_limit_exceeded', 'slow', { 'retry-after': '60' }) });
    expect(await errorOf(provider.list())).toMatchObject({ retryable: true, retryAfterMs: 60_000 });
    const error = await errorOf(provider.list());
    expect(error.retryAfterMs).toBeGreaterThan(50_000);
    expect(fake.seen).toHaveLength(1);
  });
});
