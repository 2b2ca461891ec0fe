// The image of repositories that describe none, on an engine that answers when the test says so.
import { expect, test } from 'vitest';
import { findDefaultImage } from '../../../agent/runtimes/devcontainer/default-image.ts';
import type { Engine } from '../../../agent/runtimes/devcontainer/engine.ts';
import type { Outcome } from '../../../agent/system/run.ts';
import { eventually } from '../../testers/watch.ts';

const outcome = (code: number): Outcome => ({
  code,
  stdout: '',
  stderr: '',
  isTimeout: false,
  startError: undefined,
});

interface Making {
  what: string;
  say: (line: string) => void;
  end: () => void;
}

function createImage(settings: { defaultImage?: string } = {}) {
  const there = new Set<string>();
  const makings: Making[] = [];
  const run: Engine['run'] = (args, { onLine = () => {} } = {}) => {
    const what = args.includes('--tag') ? args[args.indexOf('--tag') + 1]! : args.at(-1)!;
    if (args[0] === 'image') return Promise.resolve(outcome(there.has(what) ? 0 : 1));
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const end = () => {
      there.add(what);
      resolve(outcome(0));
    };
    makings.push({ what, say: onLine, end });
    return promise;
  };
  const engine = { run, isThere: () => Promise.resolve(true) } as unknown as Engine;
  const image = findDefaultImage({
    env: {},
    settings: () => ({ runtime: 'auto', ...settings }),
    engine,
  });
  const log: string[] = [];
  const prepare = (signal = new AbortController().signal) =>
    image.prepare({ enter: () => {}, log: (line) => void log.push(line), signal }, 1_000);
  return { image, makings, prepare, log, settings };
}

const begun = (makings: Making[], count: number) =>
  eventually(() => makings.length === count, `${count} makings`);

test('who is not to wait any more does not, and the others get what is being made', async () => {
  const { image, makings, prepare, log } = createImage();
  const abort = new AbortController();
  const first = prepare(abort.signal);
  await begun(makings, 1);
  const second = prepare();
  makings[0]!.say('Step 1');
  abort.abort(new Error('not wanted'));
  await expect(first).rejects.toThrow('not wanted');
  makings[0]!.say('Step 2');
  makings[0]!.end();
  expect(await second).toBe(image.name());
  expect(makings).toHaveLength(1);
  expect(log).toEqual(['Step 1']);
});

test('nothing is made for who has not waited from the beginning', async () => {
  const { makings, prepare } = createImage();
  await expect(prepare(AbortSignal.abort(new Error('not wanted')))).rejects.toThrow('not wanted');
  expect(makings).toEqual([]);
});

test('another image, named while one is being made, is made as well', async () => {
  const settings = { defaultImage: 'acme/one:1' };
  const { makings, prepare } = createImage(settings);
  const one = prepare();
  await begun(makings, 1);
  settings.defaultImage = 'acme/other:1';
  const other = prepare();
  await begun(makings, 2);
  for (const { end } of makings) end();
  expect(await Promise.all([one, other])).toEqual(['acme/one:1', 'acme/other:1']);
  expect(makings.map(({ what }) => what)).toEqual(['acme/one:1', 'acme/other:1']);
});
