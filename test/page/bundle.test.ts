import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answerAsset, bundlePage, type PageFiles } from '../../bot/http/page-bundle.ts';

let outDir: string;
let files: PageFiles;
beforeAll(async () => {
  outDir = mkdtempSync(path.join(tmpdir(), 'sam-bundle-'));
  files = await bundlePage(outDir);
});
afterAll(() => rmSync(outDir, { recursive: true, force: true }));

const pathOf = (pattern: RegExp) => [...files.assets.keys()].find((name) => pattern.test(name)) ?? 'none';

test('the page names only files that are there, by names that carry their hash', () => {
  const named = [...files.html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
  expect(named.length).toBeGreaterThanOrEqual(4);
  for (const name of named) expect(files.assets.get(name), name).toMatchObject({ immutable: true });
  const manifest = JSON.parse(String(files.assets.get('/assets/manifest.webmanifest')?.body)) as {
    icons: { src: string; purpose?: string }[];
  };
  for (const { src } of manifest.icons) expect(files.assets.has(src), src).toBe(true);
  expect(manifest.icons.some(({ purpose }) => purpose === 'maskable')).toBe(true);
});

test('what makes the page leaves no process behind', () => {
  const children = execFileSync('ps', ['-o', 'args=', '--ppid', String(process.pid)], { encoding: 'utf8' });
  expect(children).not.toContain('esbuild');
});

test('the page has no script, style or handler of its own in the HTML', () => {
  expect(files.html).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:/i);
});

test('the policy allows nothing inline, and sockets only to the nodes it is told', () => {
  const policy = files.headers(['wss://*.vm.example.org'])['content-security-policy'];
  expect(policy).not.toMatch(/unsafe|nonce|\*(?!\.vm\.example\.org)/);
  expect(policy).toContain("connect-src 'self' wss://*.vm.example.org;");
  expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
  expect(files.headers([])).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
});

test('the script stays within 500 KB, and goes out compressed to who takes that', () => {
  const script = pathOf(/main-.*\.js$/);
  const size = files.assets.get(script)?.body.length ?? Infinity;
  const sent = answerAsset(files, script, 'gzip, br')?.body.length ?? Infinity;
  console.log(`page: script ${Math.round(size / 1024)} KB, ${Math.round(sent / 1024)} KB as sent`);
  expect(size).toBeLessThan(500 * 1024);
  expect(sent).toBeLessThan(size / 2);
  expect(answerAsset(files, script, 'gzip')?.headers).not.toHaveProperty('content-encoding');
  expect(answerAsset(files, '/assets/../page.json')).toBeUndefined();
});

test('files are kept for ever by their hashed names, the service worker is looked up every time', () => {
  expect(answerAsset(files, pathOf(/main-.*\.js$/))?.headers['cache-control']).toContain('immutable');
  const worker = answerAsset(files, '/assets/service-worker.js');
  expect(worker?.headers).toMatchObject({ 'cache-control': 'no-cache', 'service-worker-allowed': '/w/' });
  expect(String(worker?.body)).toContain(pathOf(/style-.*\.css$/));
});

test('a second start makes nothing: it reads what is there', async () => {
  const before = readdirSync(outDir);
  const startedAt = performance.now();
  const again = await bundlePage(outDir);
  console.log(`page: a start with a current bundle takes ${Math.round(performance.now() - startedAt)} ms`);
  expect(readdirSync(outDir)).toEqual(before);
  expect([...again.assets.keys()]).toEqual([...files.assets.keys()]);
  expect(again.html).toBe(files.html);
});

test('two starts at once both get the page, and leave one copy', async () => {
  const shared = path.join(outDir, 'shared');
  const [one, other] = await Promise.all([bundlePage(shared), bundlePage(shared)]);
  expect(one.html).toBe(other.html);
  expect(readdirSync(shared)).toHaveLength(1);
});
