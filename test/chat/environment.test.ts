// Where a workspace's programs run, and what came of its container, as its card says it.
import { describe, expect, test } from 'vitest';
import type { Environment, WorkspaceReport } from '../../agent/protocol.ts';
import { renderPlain } from '../../bot/chat/console/render.ts';
import { viewOf } from '../../bot/chat/view.ts';
import { nodeRow, reportOf, T0, workspaceRow } from '../workspaces/rows.ts';
import type { Workspace } from '../../bot/database/schema.ts';

const card = (
  environment: Environment,
  report: Partial<WorkspaceReport> = {},
  row: Partial<Workspace> = {},
) =>
  renderPlain(
    viewOf({
      workspace: workspaceRow({ reported: { ...reportOf('running'), environment, ...report }, ...row }),
      node: nodeRow(),
      owner: { id: 'us-ada', name: 'ada', createdAt: T0 },
      now: T0,
      expiry: undefined,
      warningMs: 0,
    }),
  );

const SOME = Array.from({ length: 7 }, (_, at) => 3000 + at);

test('the card of a workspace that runs names what listens there, and no more of it than one reads', () => {
  const at = (ports: number[], row: Partial<Workspace> = {}) =>
    card({ runtime: 'host' }, { ports }, row).filter((line) => line.includes('Port'));
  expect(at([3000])).toEqual(['  Port 3000']);
  expect(at(SOME)).toEqual(['  Ports 3000, 3001, 3002, 3003, 3004 and 2 more']);
  expect(at([])).toEqual([]);
  expect(at([3000], { desired: 'stopped' })).toEqual([]);
});

describe('the card of a workspace that runs', () => {
  test.each<[Environment, string]>([
    [{ runtime: 'host' }, 'on the host, which does not isolate'],
    [{ runtime: 'devcontainer' }, 'in a container of the default image'],
    [
      { runtime: 'devcontainer', configuration: '.devcontainer/api/devcontainer.json' },
      'in its container (`.devcontainer/api/devcontainer.json`)',
    ],
  ])('says where: %o', (environment, where) => {
    expect(card(environment)[1]).toBe(`  acme/api · medium · ${where} · ws-abcdefghijkl`);
  });

  test.each([
    [
      { code: 'clone-failed' },
      /could not be cloned, which takes one that everybody may read\. The log says more: .*logs/,
    ],
    [{ code: 'install-failed', exit: 3 }, /ended with code 3\./],
    [{ code: 'late' }, /took too long/],
  ] as const)('says what became of dotfiles: %o', (dotfiles, words) => {
    expect(card({ runtime: 'devcontainer', dotfiles }).join('\n')).toMatch(words);
  });

  test('says what else there is, and what changed, with what to type', () => {
    expect(card({ runtime: 'devcontainer', others: ['api', 'web'] })).toContain(
      '  It has other configurations, too: `api`, `web`.',
    );
    expect(card({ runtime: 'devcontainer', change: 'rebuilt' })).toContain(
      '  Its configuration has changed, so its container was made anew.',
    );
    expect(card({ runtime: 'devcontainer', change: 'outdated' })).toContain(
      '  Its configuration has changed since its container was made: `restart api` makes it anew.',
    );
  });

  test('says why it is a container for repairs, and how to get the real one', () => {
    const failure = {
      class: 'configuration' as const,
      code: 'devcontainer-hook-failed',
      details: { hook: 'postCreateCommand', exit: 7, said: 'no such script' },
    };
    expect(card({ runtime: 'devcontainer', isRecovery: true }, { failure }).slice(0, 5)).toEqual([
      '✓ api: running',
      '  acme/api · medium · in a container for repairs · ws-abcdefghijkl',
      '  The container is there, but its `postCreateCommand` failed (exit code 7): no such script. (yours to mend)',
      '  Next: restart api',
      '  What is wrong stands in `/var/log/sam/build.log` there. Mend it in a terminal, then `restart api`.',
    ]);
  });
});

test('a card says which step is being tried again', () => {
  const report = { ...reportOf('preparing'), step: 'features' as const, attempt: { number: 2, of: 3 } };
  const [title] = card({ runtime: 'devcontainer' }, report, { phase: 'preparing', step: 'features' });
  expect(title).toContain('adding features to the environment (attempt 2 of 3)');
});
