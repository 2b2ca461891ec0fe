// A workspace as a deployment and as a check: every state of it, and what GitHub's limits and merges demand.
import { expect, test } from 'vitest';
import { renderCheck, renderDeployment } from '../../bot/chat/github/render-signals.ts';
import { viewOf, type CardView } from '../../bot/chat/view.ts';
import { onGitHub } from '../../bot/chat/github/render.ts';
import { commands } from '../../bot/commands/index.ts';
import { parse } from '../../bot/commands/parser/parse.ts';
import type { ParseContext } from '../../bot/commands/parser/parsed.ts';
import type { Workspace } from '../../bot/database/types.ts';
import { createMissingPermissions, permissionWanted } from '../../bot/forges/github/missing-permissions.ts';
import { PHASES } from '../views.ts';
import { nodeRow, T0, workspaceRow } from '../workspaces/rows.ts';

const context: ParseContext = {
  traits: onGitHub,
  markup: 'markdown',
  triggers: ['/sam', '@sam'],
  triggerOptional: false,
  commands,
  allowPaths: false,
  allowUrls: false,
};
const linkTo = (): string => 'https://sam.example/w/ws-a?s=b';

const view = (patch: Partial<Workspace>): CardView =>
  viewOf({
    workspace: workspaceRow(patch),
    node: nodeRow(),
    owner: { id: 'us-ada', name: 'ada', createdAt: T0 },
    now: T0,
    expiry: undefined,
    warningMs: 0,
  });
const check = (one: CardView) => renderCheck(one, { linkTo, context, notes: [] });

test('each state has its word on the pull request', () => {
  const lines = PHASES.flatMap((phase) =>
    (['running', 'stopped', 'deleted'] as const).map((desired) => {
      const one = view({ phase, desired });
      const { progress, title, buttons } = check(one);
      const shown = buttons.map(({ label }) => label).join(', ');
      return `${phase}, wanted ${desired}: ${renderDeployment(one, { linkTo, context }).state}; ${progress ?? 'neutral'}: ${title} [${shown}]`;
    }),
  );
  expect(lines).toMatchInlineSnapshot(`
    [
      "queued, wanted running: queued; queued: api: getting ready [Stop]",
      "queued, wanted stopped: inactive; neutral: api: stopping [Start]",
      "queued, wanted deleted: inactive; neutral: api: deleting []",
      "provisioning, wanted running: in_progress; in_progress: api: getting ready [Stop]",
      "provisioning, wanted stopped: inactive; neutral: api: stopping [Start]",
      "provisioning, wanted deleted: inactive; neutral: api: deleting []",
      "preparing, wanted running: in_progress; in_progress: api: getting ready [Stop]",
      "preparing, wanted stopped: inactive; neutral: api: stopping [Start]",
      "preparing, wanted deleted: inactive; neutral: api: deleting []",
      "running, wanted running: success; neutral: api: running [Open, Stop, Keep 4h]",
      "running, wanted stopped: inactive; neutral: api: stopping [Start]",
      "running, wanted deleted: inactive; neutral: api: deleting []",
      "stopping, wanted running: in_progress; in_progress: api: starting [Stop]",
      "stopping, wanted stopped: inactive; neutral: api: stopping [Start]",
      "stopping, wanted deleted: inactive; neutral: api: deleting []",
      "stopped, wanted running: in_progress; in_progress: api: starting [Stop]",
      "stopped, wanted stopped: inactive; neutral: api: stopped [Start]",
      "stopped, wanted deleted: inactive; neutral: api: deleting []",
      "deleting, wanted running: in_progress; in_progress: api: starting [Stop]",
      "deleting, wanted stopped: inactive; neutral: api: stopping [Start]",
      "deleting, wanted deleted: inactive; neutral: api: deleting []",
      "deleted, wanted running: in_progress; in_progress: api: starting [Stop]",
      "deleted, wanted stopped: inactive; neutral: api: stopping [Start]",
      "deleted, wanted deleted: inactive; neutral: api: deleted []",
      "failed, wanted running: failure; neutral: api: failed [Retry]",
      "failed, wanted stopped: inactive; neutral: api: failed [Retry]",
      "failed, wanted deleted: inactive; neutral: api: failed []",
    ]
  `);
});

test('only what is being made is under way: nothing else ever holds up a merge', () => {
  for (const phase of PHASES)
    for (const desired of ['stopped', 'deleted'] as const)
      expect(check(view({ phase, desired })).progress).toBeUndefined();
  expect(check(view({ phase: 'failed' })).progress).toBeUndefined();
});

test('texts and buttons keep to the lengths that GitHub takes', () => {
  const lastError = { class: 'internal' as const, message: 'very bad '.repeat(9_000) };
  for (const phase of PHASES) {
    const one = view({ phase, lastError, name: 'n'.repeat(63) });
    const { title, summary, buttons } = check(one);
    expect([title.length <= 255, summary.length <= 65_535, buttons.length <= 3]).toEqual([true, true, true]);
    expect(renderDeployment(one, { linkTo, context }).description.length).toBeLessThanOrEqual(140);
    for (const { label, identifier, description } of buttons)
      expect([label.length <= 20, identifier.length <= 20, description.length <= 40]).toEqual([
        true,
        true,
        true,
      ]);
  }
});

test('no secret leaves, nobody is mentioned, and no line is a command', () => {
  const token = `ghs_${'a1B2'.repeat(9)}`;
  const message = `fatal: ${token}\n/sam rm --force\n@eve look`;
  const one = view({ phase: 'failed', lastError: { class: 'transient', message } });
  const press = { by: 'bob', button: 'Stop', text: message };
  const { title, summary } = renderCheck(one, { linkTo, context, notes: [message], press });
  const { description } = renderDeployment(one, { linkTo, context });
  for (const text of [title, summary, description]) {
    expect(text).not.toContain(token);
    expect(parse(text, context).kind).toBe('ignore');
  }
  expect(summary.replaceAll(/`[^`\n]*`/g, '')).not.toMatch(/@\w/);
});

test('a missing permission is told apart from other refusals, and forgotten after an hour', () => {
  const refusal = 'Resource not accessible by integration';
  expect(permissionWanted(403, refusal, 'checks=write')).toBe('checks: write');
  expect(permissionWanted(403, refusal, 'issues=write; pull_requests=write')).toBe('issues: write');
  expect(permissionWanted(403, refusal, 'contents=write,workflows=write')).toBe(
    'contents: write, workflows: write',
  );
  expect(permissionWanted(403, refusal, undefined)).toBe('unknown');
  expect(permissionWanted(403, 'API rate limit exceeded', 'checks=write')).toBeUndefined();
  expect(permissionWanted(404, 'Not Found', 'checks=write')).toBeUndefined();
  let now = 0;
  const missingPermissions = createMissingPermissions(() => now);
  missingPermissions.note('Acme/api', 'checks: write');
  missingPermissions.note('acme/api-two', 'deployments: write');
  expect(missingPermissions.of('acme/API')).toEqual(['checks: write']);
  expect(missingPermissions.until('acme/api', 'deployments: write')).toBeUndefined();
  now = 3_600_000;
  expect(missingPermissions.of('acme/api')).toEqual([]);
});
