// What an agent holds of the keys that its bot gave it, and how long.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createKeys, type Keys } from '../../../agent/models/keys.ts';
import type { AgentMessage } from '../../../agent/protocol.ts';

const KEPT_MS = 60_000;
const ONE = 'ws-aaaaaaaaaaaa';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

let keys: Keys;
let asked: (AgentMessage & { type: 'credential' })[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  keys = createKeys({ keptMs: KEPT_MS });
  asked = [];
  keys.open((message) => void (message.type === 'credential' && asked.push(message)));
});
afterEach(() => void vi.useRealTimers());

const answer = (value: string) => keys.answered({ type: 'credential', ref: asked.at(-1)!.ref, value });

async function findOnce(): Promise<WeakRef<object>> {
  const finding = keys.find(ONE, 'anthropic');
  answer('sk-ant-api03-canary');
  return new WeakRef(await finding);
}

test('a key is in no memory any more when its time is over, whether it is asked for again or not', async () => {
  const found = await findOnce();
  vi.advanceTimersByTime(KEPT_MS - 1);
  await new Promise(setImmediate);
  collect();
  expect(found.deref()).toEqual({ value: 'sk-ant-api03-canary' });
  vi.advanceTimersByTime(1);
  await new Promise(setImmediate);
  collect();
  expect(found.deref()).toBeUndefined();
});

test('until then the bot is asked once, and then again', async () => {
  await findOnce();
  vi.advanceTimersByTime(KEPT_MS - 1);
  expect(await keys.find(ONE, 'anthropic')).toEqual({ value: 'sk-ant-api03-canary' });
  expect(asked).toHaveLength(1);
  vi.advanceTimersByTime(1);
  const again = keys.find(ONE, 'anthropic');
  expect(asked).toHaveLength(2);
  answer('sk-ant-api03-another');
  expect(await again).toEqual({ value: 'sk-ant-api03-another' });
});

test('what was forgotten before its time does not end what came after it', async () => {
  await findOnce();
  vi.advanceTimersByTime(KEPT_MS - 1);
  keys.forget();
  await findOnce();
  vi.advanceTimersByTime(1);
  await keys.find(ONE, 'anthropic');
  expect(asked).toHaveLength(2);
});

test('a bot that does not answer in time is away, and what it says later is nobody’s answer', async () => {
  const finding = keys.find(ONE, 'anthropic');
  vi.advanceTimersByTime(15_000);
  expect(await finding).toMatchObject({ error: { code: 'away' } });
  answer('sk-ant-api03-late');
  const again = keys.find(ONE, 'anthropic');
  keys.close();
  expect(await again).toMatchObject({ error: { code: 'away' } });
  expect(await keys.find(ONE, 'anthropic')).toMatchObject({ error: { code: 'away' } });
});
