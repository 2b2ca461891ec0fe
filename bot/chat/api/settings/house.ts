// The page of those who run Sam: people, workspaces, machines, limits, what is in doubt, who did what, and what was spent each day.
// Reads rows, writes none.
import { listAudit } from '../../../access/store/audit.ts';
import { findUserNames } from '../../../access/store/people.ts';
import { SETTINGS_PAGE } from '../../../access/credentials/settings-sessions.ts';
import { costByDay, money } from '../../../billing/prices.ts';
import type { Executor } from '../../../database/types.ts';
import { LIMIT_KINDS, RANKS } from '../../../workspaces/limits.ts';
import { listLimits } from '../../../workspaces/store/limits.ts';
import { listNodes } from '../../../workspaces/store/nodes.ts';
import { listOrphans } from '../../../workspaces/store/orphans.ts';
import { readPrices } from '../../../workspaces/store/settings.ts';
import { readSweeps } from '../../../workspaces/store/sweeps.ts';
import { listEverybodys, listPeople } from '../../store/settings.ts';
import { renderAudit, verbButton } from './mine.ts';
import { button, buttons, chart, moment, table, type Cell } from './render.ts';

const MAX_ROWS = 200;
const DAYS = 30;
const DAY_MS = 86_400_000;

export async function renderHouse(db: Executor): Promise<string> {
  const parts = [
    await renderSpending(db),
    await renderPeople(db),
    await renderEverybodys(db),
    await renderMachines(db),
    await renderLimits(db),
    await renderDoubts(db),
    await renderDone(db),
  ];
  return parts.join('');
}

async function renderSpending(db: Executor): Promise<string> {
  const prices = await readPrices(db);
  if (!prices) return '';
  const now = new Date();
  const all = await listNodes(db, { since: new Date(now.getTime() - DAYS * DAY_MS) });
  const days = costByDay(
    all.map(({ node }) => node),
    prices,
    DAYS,
    now,
  );
  const total = days.reduce((sum, { amount }) => sum + amount, 0);
  const today = days.at(-1)?.amount ?? 0;
  const text = `${money(total, prices.currency)} in ${DAYS} days, ${money(today, prices.currency)} today so far; machines alone, net.`;
  return chart('Spending by day', days, text);
}

async function renderPeople(db: Executor): Promise<string> {
  const people = await listPeople(db, MAX_ROWS);
  const rows = people.map(({ name, id, workspaces, machines }): Cell[] => [
    name,
    id,
    String(workspaces),
    String(machines),
  ]);
  return table('People', ['Name', 'Id', 'Workspaces', 'Machines'], rows, 'Nobody yet.');
}

async function renderEverybodys(db: Executor): Promise<string> {
  const all = await listEverybodys(db, MAX_ROWS);
  const rows = all.map(({ id, name, owner, repository, phase, desired }): Cell[] => {
    const verbs = desired === 'deleted' ? [] : desired === 'running' ? ['stop', 'rm'] : ['rm'];
    return [
      name,
      owner,
      phase,
      repository.replace(/^https?:\/\//, ''),
      buttons(verbs.map((verb) => verbButton('house', id, verb, `${name} of ${owner}`))),
    ];
  });
  const heads = ['Name', 'Owner', 'State', 'Repository', 'Actions'];
  return table('Workspaces of everybody', heads, rows, 'Nobody has a workspace.');
}

async function renderMachines(db: Executor): Promise<string> {
  const all = (await listNodes(db)).slice(0, MAX_ROWS);
  const names = await findUserNames(
    db,
    all.map(({ node }) => node.owner),
  );
  const rows = all.map(({ node, workspaces }): Cell[] => [
    node.name,
    names.get(node.owner) ?? node.owner,
    node.phase,
    node.size,
    workspaces.join(', ') || '-',
    buttons([verbButton('nodes', node.name, workspaces.length > 0 ? 'stop' : 'rm', node.name)]),
  ]);
  const heads = ['Machine', 'Owner', 'State', 'Size', 'Workspaces', 'Actions'];
  return table('Machines of everybody', heads, rows, 'Nobody has a machine.');
}

async function renderLimits(db: Executor): Promise<string> {
  const all = await listLimits(db);
  const names = await findUserNames(
    db,
    all.flatMap(({ holder, subject, setBy }) => (holder === 'person' ? [subject, setBy] : [setBy])),
  );
  const sizes = new Map<number, string>(Object.entries(RANKS).map(([size, rank]) => [rank, size]));
  const rows = all.map(({ holder, subject, kind, most, setBy, createdAt }): Cell[] => [
    holder,
    names.get(subject) ?? subject,
    kind,
    most === null ? 'unlimited' : kind === 'size' ? (sizes.get(most) ?? String(most)) : String(most),
    `${names.get(setBy) ?? setBy}, ${moment(createdAt)}`,
  ]);
  const heads = ['Of', 'Whom', 'What', 'Most', 'Set by'];
  return table('Limits', heads, rows, 'As the configuration says, for everybody.') + SET_LIMIT;
}

const SET_LIMIT =
  `<form class="row" method="post" action="${SETTINGS_PAGE}/house/limit"><label>Whom<input name="whom" required maxlength="150" placeholder="@user or owner/name" autocomplete="off" spellcheck="false"></label>` +
  `<label>What<select name="kind">${LIMIT_KINDS.map((kind) => `<option>${kind}</option>`).join('')}</select></label>` +
  '<label>Most<input name="most" required maxlength="12" placeholder="5, unlimited, default" autocomplete="off"></label><button class="main">Set it</button></form>';

async function renderDoubts(db: Executor): Promise<string> {
  const orphans = (await listOrphans(db)).slice(0, MAX_ROWS);
  const rows = orphans.map(({ id, name, kind, why, createdAt, wish, lastError }): Cell[] => [
    name,
    kind,
    why,
    moment(createdAt),
    lastError ?? wish ?? '-',
    buttons([button(`${SETTINGS_PAGE}/house/${encodeURIComponent(id)}/orphan`, 'Delete', name)]),
  ]);
  const heads = ['Name', 'Kind', 'Why', 'Since', 'State', 'Actions'];
  const sweeps = (await readSweeps(db)).map(({ name, lastSuccessAt, lastError }): Cell[] => [
    name,
    lastSuccessAt ? moment(lastSuccessAt) : 'never',
    lastError ?? '-',
  ]);
  return (
    table('In doubt', heads, rows, 'Nothing is in doubt.') +
    table('Sweeps', ['Sweep', 'Went through', 'Error since'], sweeps, 'None has run yet.')
  );
}

const renderDone = async (db: Executor): Promise<string> =>
  renderAudit('Who did what', await listAudit(db, {}, { limit: 100 }));
