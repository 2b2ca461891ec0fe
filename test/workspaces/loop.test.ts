// The loop by itself: hints, polls, room, errors, the end. Its sources here are lists in memory.
import pino from 'pino';
import { expect, test, vi } from 'vitest';
import { createLoop, type Loop, type LoopOptions, type Source } from '../../bot/jobs/loop.ts';

const log = pino({ level: 'silent' });

interface Queue extends Source {
  jobs: (() => Promise<void>)[];
  takes: number;
}

/** Gives its jobs in order. `before` runs in each take. */
function createQueue(name: string, before: () => Promise<void> = () => Promise.resolve()): Queue {
  const queue: Queue = {
    name,
    jobs: [],
    takes: 0,
    async take() {
      queue.takes++;
      await before();
      return queue.jobs.shift();
    },
    dueInMs: () => Promise.resolve(undefined),
  };
  return queue;
}

/** `pollMs` far away, unless said otherwise: what happens then happens by hints. */
function startLoop(sources: Source[], options: Partial<LoopOptions> = {}): Loop & AsyncDisposable {
  const loop = createLoop(sources, { log, pollMs: 60_000, ...options });
  loop.start();
  return { ...loop, [Symbol.asyncDispose]: () => loop.stop() };
}

/** A gate that says when somebody waits at it. */
function createGate() {
  const reached = Promise.withResolvers<void>();
  const open = Promise.withResolvers<void>();
  return {
    reached: reached.promise,
    open: open.resolve,
    pass: () => {
      reached.resolve();
      return open.promise;
    },
  };
}

test('does all that is due at the start, and what a hint brings', async () => {
  const done: number[] = [];
  const queue = createQueue('queue');
  queue.jobs = Array.from({ length: 20 }, (_, index) => async () => void done.push(index));
  await using loop = startLoop([queue]);
  await expect.poll(() => done.length).toBe(20);
  queue.jobs.push(async () => void done.push(20));
  loop.wake();
  await expect.poll(() => done.length).toBe(21);
});

test('a hint that comes while a look is under way is not lost', async () => {
  const gate = createGate();
  let isDone = false;
  let hasLooked = false;
  const first = createQueue('first');
  // The look has passed the first source and is at the second when work comes for the first.
  const second = createQueue('second', () =>
    hasLooked ? Promise.resolve() : ((hasLooked = true), gate.pass()),
  );
  await using loop = startLoop([first, second]);
  await gate.reached;
  first.jobs.push(async () => void (isDone = true));
  loop.wake();
  gate.open();
  await expect.poll(() => isDone).toBe(true);
});

test('and neither is one that comes while it asks how long to rest', async () => {
  const gate = createGate();
  let isDone = false;
  let asked = 0;
  const queue = createQueue('queue');
  queue.dueInMs = async () => void (asked++ === 0 && (await gate.pass()));
  await using loop = startLoop([queue]);
  await gate.reached;
  queue.jobs.push(async () => void (isDone = true));
  loop.wake();
  gate.open();
  await expect.poll(() => isDone).toBe(true);
});

test('without any hint polling finds the work', async () => {
  let isDone = false;
  const queue = createQueue('queue');
  await using _loop = startLoop([queue], { pollMs: 20 });
  await expect.poll(() => queue.takes).toBeGreaterThan(2);
  queue.jobs.push(async () => void (isDone = true));
  await expect.poll(() => isDone).toBe(true);
});

test('it comes back when something will be due, before the next poll', async () => {
  const queue = createQueue('queue');
  let isDone = false;
  queue.dueInMs = async () => {
    if (isDone) return undefined;
    queue.jobs.push(async () => void (isDone = true));
    return 30;
  };
  await using _loop = startLoop([queue]);
  await expect.poll(() => isDone).toBe(true);
});

test('a source has so many jobs at once and no more; another has its own room', async () => {
  const gate = createGate();
  let running = 0;
  let most = 0;
  const busy = createQueue('busy');
  busy.jobs = Array.from({ length: 9 }, () => async () => {
    most = Math.max(most, ++running);
    await gate.pass();
    running--;
  });
  const free = createQueue('free');
  await using loop = startLoop([busy, free], { width: 3 });
  await expect.poll(() => running).toBe(3);
  let isDone = false;
  free.jobs.push(async () => void (isDone = true));
  loop.wake();
  await expect.poll(() => isDone).toBe(true);
  gate.open();
  await expect.poll(() => busy.jobs.length + running).toBe(0);
  expect(most).toBe(3);
});

test('stop takes nothing new and waits for what is under way', async () => {
  const gate = createGate();
  const queue = createQueue('queue');
  queue.jobs.push(gate.pass);
  const loop = startLoop([queue]);
  await gate.reached;
  let hasStopped = false;
  const stopped = loop.stop().then(() => (hasStopped = true));
  queue.jobs.push(() => Promise.reject(new Error('taken after the stop')));
  loop.wake();
  await new Promise(setImmediate);
  expect(hasStopped).toBe(false);
  gate.open();
  await stopped;
  expect(queue.jobs).toHaveLength(1);
});

test('a job that was claimed while the loop stops is done, not dropped', async () => {
  const gate = createGate();
  let isDone = false;
  const queue = createQueue('queue', gate.pass);
  queue.jobs.push(async () => void (isDone = true));
  const loop = startLoop([queue]);
  await gate.reached;
  const stopped = loop.stop();
  gate.open();
  await stopped;
  expect(isDone).toBe(true);
});

/** Starts it, lets 300 ms of the clock pass, and counts. */
async function countIn300Ms(count: () => number, loop: Loop): Promise<number> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  try {
    loop.start();
    for (let ms = 0; ms < 300; ms += 10) {
      await vi.advanceTimersByTimeAsync(10);
      await new Promise(setImmediate);
    }
    return count();
  } finally {
    vi.useRealTimers();
  }
}

test('a source that throws does not spin, and keeps no other from its work', async () => {
  const broken = createQueue('broken', () => Promise.reject(new Error('no table')));
  const queue = createQueue('queue');
  let done = 0;
  queue.jobs = Array.from({ length: 5 }, () => async () => void done++);
  const loop = createLoop([broken, queue], { log, pollMs: 100 });
  const takes = await countIn300Ms(() => broken.takes, loop);
  expect(done).toBe(5);
  // After 20 ms, 40, 80, and then with the poll.
  expect(takes).toBeGreaterThan(2);
  expect(takes).toBeLessThan(8);
  await loop.stop();
});

test('a job that always throws is taken again less and less often', async () => {
  const queue = createQueue('queue');
  queue.take = async () => {
    queue.takes++;
    return () => Promise.reject(new Error('a bug'));
  };
  const loop = createLoop([queue], { log, pollMs: 100 });
  const takes = await countIn300Ms(() => queue.takes, loop);
  expect(takes).toBeGreaterThan(1);
  expect(takes).toBeLessThan(10);
  await loop.stop();
});

test('what is said to be due and never comes is asked for less and less often', async () => {
  const queue = createQueue('queue');
  queue.dueInMs = () => Promise.resolve(-5);
  const loop = createLoop([queue], { log, pollMs: 10_000 });
  const takes = await countIn300Ms(() => queue.takes, loop);
  expect(takes).toBeGreaterThan(2);
  expect(takes).toBeLessThan(8);
  await loop.stop();
});
