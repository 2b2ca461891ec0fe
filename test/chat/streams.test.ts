// Server-sent events over real HTTP: what a reader is told who is slower than what there is to tell. No page and no table.
import { get, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { createStreams, type Listening, type Streams } from '../../bot/chat/streams.ts';
import { serveRoutes, type TestServer } from '../access/http-server.ts';
import { until } from '../until.ts';

const BATCH = 256 * 1024;
const BATCHES = 64;

let server: TestServer;
let streams: Streams;
afterEach(async () => {
  streams.end();
  await server.close();
});

/** Where whoever comes is told a long story. */
async function serve(beatMs: number, more: Partial<Listening> = {}) {
  const story = { told: 0, unread: 0, res: undefined as ServerResponse | undefined };
  streams = createStreams({ name: 'stories', readVersions: () => Promise.resolve(new Map()), beatMs });
  server = await serveRoutes(() =>
    Promise.resolve({
      routes: [
        {
          method: 'GET',
          path: '/story',
          handle(_req, res) {
            story.res = res;
            return streams.open(res, {
              key: 'x',
              user: 'ada',
              isRefused: () => Promise.resolve(false),
              tell() {
                story.unread = Math.max(story.unread, res.writableLength);
                story.told += 1;
                const isLast = story.told === BATCHES;
                const text = `event: part\ndata: ${'x'.repeat(BATCH)}\n\n`;
                return Promise.resolve({ text, isMore: !isLast, isOver: isLast });
              },
              ...more,
            });
          },
        },
      ],
    }),
  );
  return story;
}

const open = (): Promise<IncomingMessage> =>
  new Promise((resolve) => {
    get(`${server.origin}/story`, (answer) => resolve(answer.pause().on('error', () => undefined)));
  });

describe('a story that is longer than what a reader takes at once', () => {
  test('comes whole, however slowly it is read; no more of it lies ready than a batch', async () => {
    const story = await serve(60_000);
    const answer = await open();
    await until(() => story.res?.writableNeedDrain === true);
    expect(story.told).toBeLessThan(BATCHES);
    let length = 0;
    let end = '';
    for await (const piece of answer) {
      length += (piece as Buffer).length;
      end = (end + String(piece)).slice(-30);
    }
    expect(end).toContain('event: over');
    expect(length).toBeGreaterThan(BATCH * BATCHES);
    expect(story.told).toBe(BATCHES);
    expect(story.unread).toBeLessThan(2 * BATCH);
  });

  test('ends for whoever may hear it no more, though they read nothing', async () => {
    let isRefused = false;
    const story = await serve(20, { isRefused: () => Promise.resolve(isRefused) });
    await open();
    await until(() => story.res?.writableNeedDrain === true);
    isRefused = true;
    await until(() => story.res?.destroyed === true);
    expect(story.told).toBeLessThan(BATCHES);
  });
});
