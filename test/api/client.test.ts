// A client that a public generator makes of the description, against a running bot: its types hold, and what it asks is answered.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { startPrograms } from './programs.ts';

const run = promisify(execFile);

/** What somebody writes who has the description alone. */
const PROGRAM = `
import { Api, type Workspace } from './client.ts';

declare const process: { env: Record<string, string | undefined> };
const { SAM_URL = '', SAM_TOKEN = '' } = process.env;
const { api } = new Api({ baseUrl: SAM_URL, baseApiParams: { headers: { authorization: \`Bearer \${SAM_TOKEN}\` } } });

async function waitFor(id: string, phase: Workspace['phase']): Promise<Workspace> {
  for (;;) {
    const { data } = await api.getWorkspace(id);
    if (data.phase === phase) return data;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const { data: made } = await api.createWorkspace({ repository: 'acme/api', name: 'api-1' });
const running = await waitFor(made.id, 'running');
const { data: stopping } = await api.stopWorkspace(made.id);
const stopped = await waitFor(made.id, 'stopped');
const { data: going } = await api.deleteWorkspace(made.id, { force: 'true' });
const refused = await api.getWorkspace('ws-aaaaaaaaaaaa').catch((error: { status: number; error: { error: string } }) => error);
console.log(JSON.stringify([
  [running.name, running.desired, running.phase],
  [stopping.desired, stopped.phase, going.desired],
  'error' in refused && [refused.status, refused.error?.error],
]));
`;

async function makeProgram(description: object): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sam-client-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const at = (name: string): string => join(folder, name);
  await writeFile(at('openapi.json'), JSON.stringify(description));
  await writeFile(at('program.ts'), PROGRAM);
  const generator = join(dirname(fileURLToPath(import.meta.resolve('swagger-typescript-api'))), 'cli.mjs');
  const wanted = ['-p', at('openapi.json'), '-o', folder, '-n', 'client.ts'];
  await run(process.execPath, [generator, 'generate', ...wanted], { cwd: folder });
  return folder;
}

test('up, status, stop and rm', async () => {
  await using all = await startPrograms();
  const folder = await makeProgram(all.description);
  const program = join(folder, 'program.ts');
  const compiler = join(dirname(fileURLToPath(import.meta.resolve('typescript/package.json'))), 'bin', 'tsc');
  const strictly = ['--strict', '--noEmit', '--skipLibCheck', '--allowImportingTsExtensions', '--types', ''];
  const target = [
    '--module',
    'esnext',
    '--moduleResolution',
    'bundler',
    '--target',
    'esnext',
    '--lib',
    'esnext,dom,dom.iterable',
  ];
  await run(process.execPath, [compiler, ...strictly, ...target, program], { cwd: folder });
  const env = { ...process.env, SAM_URL: all.context.sam.bot.url, SAM_TOKEN: await all.tokenOf('bob') };
  const { stdout } = await run(process.execPath, ['--experimental-transform-types', program], {
    cwd: folder,
    env,
  });
  expect(JSON.parse(stdout)).toEqual([
    ['api-1', 'running', 'running'],
    ['stopped', 'stopped', 'deleted'],
    [404, 'not-found'],
  ]);
});
