// A package as a node brings it: what of it is needed, mended where it has to be, whole or not at all.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createBundle, type Package } from '../../../agent/coding/packages.ts';

/** What comes of a package whose `main.js` has this text. */
async function bring(text: string, wanted: Partial<Package>) {
  const dir = mkdtempSync(join(tmpdir(), 'sam-packages-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  for (const folder of ['bin', 'voice']) mkdirSync(join(dir, 'package', folder), { recursive: true });
  writeFileSync(join(dir, 'package/main.js'), text);
  writeFileSync(join(dir, 'package/bin/run'), 'run');
  const archive = execFileSync('tar', ['-czf', '-', '-C', dir, 'package'], { maxBuffer: 1 << 20 });
  const server = createServer((_, res) => void res.end(archive));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const integrity = createHash('sha512').update(archive).digest('base64');
  const folder = join(dir, 'brought');
  const bundle = createBundle({
    folder,
    name: 'it',
    packages: [{ name: 'it', version: '1.0.0', integrity, into: '', ...wanted }],
    file: 'main.js',
    registry: () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    onThere: () => Promise.resolve(),
    log: { info: () => {}, warn: () => {}, error: () => {} },
  });
  await bundle.bring();
  const read = () => readFileSync(bundle.file, 'utf8');
  return { folder, read, isThere: bundle.isThere(), why: await bundle.why() };
}

test('only what is needed of it is kept', async () => {
  const { folder, isThere } = await bring('main', { only: ['main.js', 'bin'] });
  expect(isThere).toBe(true);
  expect(readdirSync(folder).toSorted()).toEqual(['bin', 'main.js']);
  expect(readdirSync(join(folder, 'bin'))).toEqual(['run']);
});

test('what is otherwise here stands in its place, as it is written', async () => {
  const all = [['trust: "all"', "trust: '$&'"] as [string, string], ['2 + 2', '5'] as [string, string]];
  const { read } = await bring('trust: "all"; 2 + 2', { mends: { file: 'main.js', all } });
  expect(read()).toBe("trust: '$&'; 5");
});

test.each(['trust: "none"', 'trust: "all"; trust: "all"'])('%s is not what it was made for', async (text) => {
  const all = [['trust: "all"', 'trust: "none"'] as [string, string]];
  const { folder, isThere, why } = await bring(text, { mends: { file: 'main.js', all } });
  expect([isThere, existsSync(folder), why]).toEqual([false, false, 'what came cannot be mended']);
});
