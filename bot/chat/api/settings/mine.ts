// What is a person's on their own pages: workspaces with their verbs, machines, cost; tokens, chats, browsers, and what they did.
// Reads rows, writes none.
import {
  listSharedWith,
  listShares,
  type OpenShare,
  type ReceivedShare,
} from '../../../access/store/shares.ts';
import { listAudit } from '../../../access/store/audit.ts';
import { findLinks } from '../../../access/people/links-store.ts';
import { listTokens } from '../../../access/people/personal-tokens-store.ts';
import { SETTINGS_PAGE, type SettingsPerson } from '../../../access/credentials/settings-sessions.ts';
import { reportCosts } from '../../../billing/prices.ts';
import type { Access, Executor, Workspace } from '../../../database/types.ts';
import { listNodesOf } from '../../../workspaces/store/nodes.ts';
import { listWorkspaces } from '../../../workspaces/store/workspaces.ts';
import { listBrowsers, type Browser } from '../../store/settings.ts';
import { button, buttons, link, moment, paragraph, table, type Cell } from './render.ts';

const MAX_ROWS = 100;
const MAX_AUDIT = 50;

/** What makes sense of it now; what deletes is last. */
function verbsOf({ phase, desired }: Workspace): string[] {
  if (desired === 'deleted') return [];
  if (phase === 'failed') return ['retry', 'rm'];
  return desired === 'running' ? ['extend', 'restart', 'stop', 'rm'] : ['start', 'rm'];
}

export const LABELS: Record<string, string> = {
  extend: 'Keep 4h',
  restart: 'Restart',
  stop: 'Stop',
  start: 'Start',
  retry: 'Retry',
  rm: 'Delete',
};

export const verbButton = (
  kind: 'workspaces' | 'nodes' | 'house',
  id: string,
  verb: string,
  name: string,
): string => button(`${SETTINGS_PAGE}/${kind}/${id}/${verb}`, LABELS[verb] ?? verb, name);

export async function renderWorkspaces(db: Executor, { user }: SettingsPerson): Promise<string> {
  const all = await listWorkspaces(db, user);
  const machines = await listNodesOf(db, user);
  const cost = await reportCosts(db, user, new Date());
  const shown = all.slice(0, MAX_ROWS);
  const shares = await listShares(
    db,
    shown.map(({ id }) => id),
  );
  const received = await listSharedWith(db, user);
  const rows = shown.map((one): Cell[] => [
    ...cellsOf(one),
    moment(one.lastActivityAt),
    shares.flatMap((share) => (share.workspaceId === one.id ? guestOf(share) : [])).join(', ') || '-',
    buttons(verbsOf(one).map((verb) => verbButton('workspaces', one.id, verb, one.name))),
  ]);
  const heads = [...HEADS, 'Last used', 'Shared with', 'Actions'];
  const nodes = machines.map(({ node, workspaces }): Cell[] => [
    node.name,
    node.phase,
    node.size,
    workspaces.join(', ') || '-',
    buttons(
      ['stop', 'rm']
        .filter((verb) => (verb === 'rm') === (workspaces.length === 0))
        .map((verb) => verbButton('nodes', node.name, verb, node.name)),
    ),
  ]);
  return [
    table('Workspaces', heads, rows, 'You have no workspace. One is made in the chat, or by a program.'),
    // Most people share nothing with most people: it is said where there is something.
    received.length > 0
      ? table(
          'Shared with you',
          [...HEADS, 'Owner', 'You may', 'Until'],
          received.slice(0, MAX_ROWS).map(receivedCells),
          '',
        )
      : '',
    table('Machines', ['Machine', 'State', 'Size', 'Workspaces', 'Actions'], nodes, 'You have no machine.'),
    paragraph(
      cost
        ? `Now: ${cost.rate}. This month so far: about ${cost.month}, net; started hours count whole.`
        : 'Your machines cost nothing here, or their prices are not known yet.',
    ),
  ].join('');
}

const HEADS = ['Name', 'State', 'Repository', 'Branch'];

const cellsOf = ({ id, name, phase, repository, ref }: Workspace): Cell[] => [
  phase === 'running' ? link(`/w/${id}`, name) : name,
  phase,
  repository.replace(/^https?:\/\//, ''),
  ref ?? '',
];

const MAY: Record<Access, string> = { view: 'look on', drive: 'type' };

const guestOf = ({ name, may, until }: OpenShare): string =>
  `${name} (may ${MAY[may]}, until ${moment(until)})`;

const receivedCells = ({ workspace, ownerName, may, until }: ReceivedShare): Cell[] => [
  ...cellsOf(workspace),
  ownerName,
  MAY[may],
  moment(until),
];

const WAYS: Record<Browser['by'], string> = {
  'sign-in': 'signed in: as you, everywhere',
  code: 'by a link: into workspaces whose links it opened',
  settings: 'by a link: to these pages alone',
};

export async function renderAccess(db: Executor, person: SettingsPerson): Promise<string> {
  const { user, isByCode } = person;
  const tokens = await listTokens(db, user);
  const chats = await findLinks(db, user);
  const browsers = await listBrowsers(db, user);
  const done = await listAudit(db, { of: user }, { limit: MAX_AUDIT });
  const end = (kind: string, id: string, what: string): Cell =>
    buttons([button(`${SETTINGS_PAGE}/${kind}/${encodeURIComponent(id)}/end`, 'End', what)]);
  return [
    table(
      'Tokens',
      ['Name', 'May', 'Until', 'Used', 'Actions'],
      tokens.map(({ id, name, scope, expiresAt, usedAt }) => [
        name,
        scope,
        moment(expiresAt),
        usedAt ? moment(usedAt) : 'never',
        end('tokens', id, `the token ${name}`),
      ]),
      'You have no tokens for programs.',
    ),
    NEW_TOKEN,
    table(
      'Chats',
      ['Who', 'Where', 'Actions'],
      chats.map(({ source, externalId, login }) => [
        login,
        source.replace(':', ' '),
        isByCode ? 'ends after a sign-in' : end('chats', `${source} ${externalId}`, login),
      ]),
      'No chat is connected with you.',
    ),
    table(
      'Browsers',
      ['Let in', 'Since', 'Until', 'Actions'],
      browsers.map(({ id, by, since, until }) => [
        WAYS[by],
        moment(since),
        moment(until),
        end('browsers', id, `the browser of ${moment(since)}`),
      ]),
      'No browser is let in.',
    ),
    renderAudit('What was done', done),
  ].join('');
}

const NEW_TOKEN =
  `<form class="row" method="post" action="${SETTINGS_PAGE}/tokens/new"><label>Name<input name="name" required maxlength="63" autocomplete="off" spellcheck="false"></label>` +
  '<label>May<select name="scope"><option value="read">look</option><option value="write">do what you may do</option></select></label>' +
  '<label>Days<input name="days" inputmode="numeric" value="90" required maxlength="3"></label><button class="main">Make a token</button></form>';

export const renderAudit = (title: string, rows: Awaited<ReturnType<typeof listAudit>>): string =>
  table(
    title,
    ['When', 'Who', 'Where', 'What', 'Of what', 'By which right', 'Result'],
    rows.map(({ at, name, actor, front, action, target, workspaceId, right, result }) => [
      moment(at),
      name ?? actor,
      front,
      action,
      [target, workspaceId ?? ''].filter(Boolean).join(' · '),
      right,
      result,
    ]),
    'Nothing yet.',
  );
