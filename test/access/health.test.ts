// How much is going on: who is told.
import { get } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { healthRoutes } from '../../bot/http/health.ts';
import { serveRoutes, type TestServer } from './http-server.ts';
import { openRows, type Rows } from './rows.ts';

const TOKEN = 'a-token-of-a-dashboard';
let rows: Rows;
let open: TestServer;
let guarded: TestServer;
beforeAll(async () => {
  rows = await openRows();
  const serve = (metricsToken: string | undefined) =>
    serveRoutes(async () => ({
      routes: healthRoutes({ db: rows.db, sweeps: [], version: '1', metricsToken }),
    }));
  [open, guarded] = [await serve(undefined), await serve(TOKEN)];
});
afterAll(async () => {
  await open.close();
  await guarded.close();
  await rows.close();
});

/** fetch would choose the Host itself. */
const ask = (server: TestServer, path: string, headers: Record<string, string> = {}) =>
  new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
    get(`${server.origin}${path}`, { headers }, (answer) => {
      let text = '';
      answer.on('data', (part: Buffer) => (text += part.toString()));
      answer.on('end', () => resolve({ status: answer.statusCode, text }));
    }).on('error', reject);
  });

test.each<[string, () => TestServer, Record<string, string>, boolean]>([
  ['from this machine', () => open, {}, true],
  ['from this machine, by name', () => open, { host: 'localhost:3000' }, true],
  ['through a proxy that says so', () => open, { 'x-forwarded-for': '127.0.0.1' }, false],
  ['through a proxy that says so as the standard wants', () => open, { forwarded: 'for=1.2.3.4' }, false],
  ['through Cloudflare', () => open, { 'cf-connecting-ip': '1.2.3.4' }, false],
  ['through a proxy that keeps our name', () => open, { host: 'sam.example.com' }, false],
  ['with the token', () => guarded, { authorization: `Bearer ${TOKEN}`, 'x-forwarded-for': 'x' }, true],
  ['without the token', () => guarded, {}, false],
  ['with another token', () => guarded, { authorization: `Bearer ${TOKEN}x` }, false],
])('%s', async (_, server, headers, isTold) => {
  const metrics = await ask(server(), '/metrics', headers);
  expect([metrics.status, metrics.text.includes('sam_workspaces')]).toEqual([isTold ? 200 : 401, isTold]);
  const ready = await ask(server(), '/readyz', headers);
  const details = { database: true, sweeps: [] };
  expect([ready.status, JSON.parse(ready.text)]).toEqual([200, { ok: true, ...(isTold && details) }]);
  expect((await ask(server(), '/healthz', headers)).status).toBe(200);
});
