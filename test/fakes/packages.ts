// A registry of npm that has one package, as the real one gave it: kept in a folder of this machine, so that it is asked once.
import { execFileSync } from 'node:child_process';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { onTestFinished } from 'vitest';
import { isLeftOut } from '../needs.ts';

const REGISTRY = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' })
  .trim()
  .replace(/\/+$/, '');
const FOLDER = process.env['SAM_TEST_PACKAGES'] ?? join(homedir(), '.cache/sam-test-packages');
/** As agent/coding/programs.ts has it. */
const CLAUDE = '/@anthropic-ai/claude-code-linux-x64/-/claude-code-linux-x64-2.1.332.tgz';
const kept = join(FOLDER, basename(CLAUDE));

/** Under CI it is fetched: 186 MB, ten seconds. */
export const claudeMissing = isLeftOut(
  'tests of the real Claude Code',
  existsSync(kept) ? undefined : `put it there: mkdir -p ${FOLDER} && curl -o ${kept} ${REGISTRY}${CLAUDE}`,
);

/** Its address. */
export async function startRegistry(): Promise<string> {
  if (!existsSync(kept)) await fetchOnce();
  const server = createServer((req, res) => {
    if (req.url !== CLAUDE) return void res.writeHead(404).end();
    createReadStream(kept).pipe(res.writeHead(200));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function fetchOnce(): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  const { ok, status, body } = await fetch(`${REGISTRY}${CLAUDE}`);
  if (!ok || !body) throw new Error(`the registry answered ${status}`);
  await pipeline(Readable.fromWeb(body), createWriteStream(`${kept}.part`));
  await rename(`${kept}.part`, kept);
}
