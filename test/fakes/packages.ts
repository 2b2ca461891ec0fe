// A registry of npm that has what coding agents are made of, as the real one gave it: kept in a folder of this machine, so that it is
// asked once.
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
/** As agent/coding/programs.ts has them. */
const CLAUDE = '/@anthropic-ai/claude-code-linux-x64/-/claude-code-linux-x64-2.1.332.tgz';
const ADAPTER = [
  '/@agentclientprotocol/claude-agent-acp/-/claude-agent-acp-0.101.0.tgz',
  '/@agentclientprotocol/sdk/-/sdk-2.4.0.tgz',
  '/@anthropic-ai/claude-agent-sdk/-/claude-agent-sdk-0.3.318.tgz',
  '/diff/-/diff-9.0.0.tgz',
  '/zod/-/zod-4.6.7.tgz',
];
/** As agent/coding/codex.ts has them. */
const CODEX = '/@openai/codex/-/codex-0.166.0-linux-x64.tgz';
const CODEX_ADAPTER = '/@agentclientprotocol/codex-acp/-/codex-acp-2.6.0.tgz';
const SMALL = [...ADAPTER, CODEX_ADAPTER];
const keptAt = (path: string): string => join(FOLDER, basename(path));

const missing = (what: string, path: string): boolean =>
  isLeftOut(
    `tests of the real ${what}`,
    existsSync(keptAt(path))
      ? undefined
      : `put it there: mkdir -p ${FOLDER} && curl -o ${keptAt(path)} ${REGISTRY}${path}`,
  );

/** Under CI it is fetched: 186 MB, ten seconds. */
export const claudeMissing = missing('Claude Code', CLAUDE);
/** The same: 172 MB. */
export const codexMissing = missing('Codex', CODEX);

/** Its address. `large`: what it has beside what is small, which is fetched where it is missing. */
export async function startRegistry(large: 'claude' | 'codex' = 'claude'): Promise<string> {
  const paths = [{ claude: CLAUDE, codex: CODEX }[large], ...SMALL];
  for (const path of paths) if (!existsSync(keptAt(path))) await fetchOnce(path);
  const server = createServer((req, res) => {
    const path = paths.find((one) => one === req.url);
    if (path === undefined) return void res.writeHead(404).end();
    createReadStream(keptAt(path)).pipe(res.writeHead(200));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function fetchOnce(path: string): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  const { ok, status, body } = await fetch(`${REGISTRY}${path}`);
  if (!ok || !body) throw new Error(`the registry answered ${status}`);
  const kept = keptAt(path);
  await pipeline(Readable.fromWeb(body), createWriteStream(`${kept}.part`));
  await rename(`${kept}.part`, kept);
}
