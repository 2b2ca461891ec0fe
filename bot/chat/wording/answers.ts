// The sentences and tables that a command is answered with. Pure; each says commands by `say` alone.
import type { AnswerCodes, OrphanLine, PortLine, Table } from '../../codes.ts';
import { plain } from '../../commands/parser/format.ts';
import { wordShared } from './notices.ts';
import { AGENT_NAMES, listLimits, plural, type Say, type Words, type Wording } from './words.ts';

const NOTHING: Words = { text: '' };

/** All but help, which is made of the table of commands. */
export const ANSWERS: Wording<Omit<AnswerCodes, 'help'>> = {
  ok: () => NOTHING,
  closed: () => NOTHING,
  'there-already': ({ name }) => ({ text: `\`${name}\` is there already.` }),
  'started-already': ({ name }) => ({ text: `\`${name}\` is started already.` }),
  'stopped-already': ({ name }) => ({ text: `\`${name}\` is stopped already.` }),
  'deleting-already': ({ name }) => ({ text: `\`${name}\` is being deleted already.` }),
  renamed: ({ from, name }) => ({ text: `\`${from}\` is now \`${name}\`.` }),
  kept: ({ name, until, isCut }) => ({
    text: `\`${name}\` stays until ${formatDay(until)} at least, however idle.${isCut ? ' That is a week, the most that can be said at once.' : ''}`,
  }),
  shared: ({ name, person, may, until, isCut, isRunning }, say) => ({
    text: `\`${plain(person)}\` may ${may === 'view' ? 'look on' : 'type'} in \`${name}\` until ${formatDay(until)}${isCut ? ', a week, the most that can be said at once' : ''}${isRunning ? '' : ', when it runs'}. To end it: ${say(`unshare ${name} @${plain(person)}`)}.`,
    isBesideCard: true,
    isReply: true,
  }),
  unshared: ({ name, person }) => ({
    text: `\`${plain(person)}\` is let into \`${name}\` no more; what they had open there is closed.`,
    isBesideCard: true,
    isReply: true,
  }),
  limits: ({ name, limits }) => ({
    text: limits
      ? `\`${name}\` may use ${listLimits(limits)} at most; the processors are shared evenly.`
      : `\`${name}\` has no limits of memory and processes: its node can set none.`,
    isBesideCard: true,
  }),
  workspaces: ({ received, ...table }) => ({
    text: [renderTable(table), received ? ['Shared with you:', ...renderTable(received)] : []]
      .filter((lines) => lines.length > 0)
      .map((lines) => lines.join('\n'))
      .join('\n\n'),
    isVerbatim: true,
  }),
  'no-workspaces': noWorkspaces,
  logs: ({ lines }) => ({
    text: lines.map(({ at, step, text }) => `${at.slice(11, 19)} ${step.padEnd(6)} ${text}`).join('\n'),
    isVerbatim: true,
  }),
  'no-logs': ({ name }) => ({ text: `\`${name}\` has written nothing yet.` }),
  you: (who) => ({ text: describeYou(who) }),
  owner: ({ name, owner, sessions, shared = [], lent, ...who }) => ({
    text: [
      describeYou(who),
      `\`${name}\` belongs to ${owner}; ${plural(sessions, 'terminal session')} open in it.`,
      ...(lent
        ? [
            `It is shared with you: you may ${lent.may === 'view' ? 'look on' : 'type'} until ${formatDay(lent.until)}.`,
          ]
        : []),
      ...(shared.length > 0
        ? [wordShared(shared.map((one) => ({ ...one, until: new Date(one.until) })))]
        : []),
    ].join('\n'),
  }),
  nodes: ({ troubles, ...table }) => ({
    text: [...renderTable(table), ...troubles.map(({ name, message }) => `${name}: ${message}`)].join('\n'),
    isVerbatim: true,
  }),
  'no-nodes': ({ isAnybodys }, say) => ({
    text: `${isAnybodys ? 'Nobody has a' : 'You have no'} machine. One comes with ${say('up')}.`,
  }),
  'node-comes': ({ name, size, minutes }, say) => ({
    text:
      `\`${name}\`, a ${size} machine, is being made, and is paid for from now on. Your next ${say('up')} finds it there; ` +
      `if none comes within ${plural(minutes, 'minute')}, it goes. To delete it at once: ${say(`node rm ${name}`)}.`,
  }),
  'node-waits': ({ name }, say) => ({
    text: `\`${name}\` waits for a workspace already: ${say('up')} goes there. To delete it: ${say(`node rm ${name}`)}.`,
  }),
  'node-goes': ({ name }) => ({ text: `\`${name}\` goes now.` }),
  'node-going': ({ name }) => ({ text: `\`${name}\` is being deleted already.` }),
  'node-stops': ({ name, count }, say) => ({
    text:
      count === 0
        ? `Nothing runs on \`${name}\`. While a workspace is on it, it stays, and is paid for. To delete it when none is: ${say(`node rm ${name}`)}.`
        : `What runs on \`${name}\` stops (${plural(count, 'workspace')}); every file stays. The machine stays for them, and is paid for.`,
  }),
  'node-forgotten': ({ name }, say) => ({
    text:
      `\`${name}\` is over for Sam, and whatever was on it. If it is still there with Sam's mark, it is deleted ` +
      `when the sweep finds it; what is in doubt: ${say('nodes --orphans')}.`,
  }),
  'not-looked': ({ error }) => ({
    text:
      error === undefined
        ? 'Nobody has looked yet, or there is nothing outside to look at.'
        : `Nobody could look yet: ${error}`,
    isVerbatim: true,
  }),
  orphans: describeOrphans,
  'orphan-goes': ({ name, id }, say) => ({
    text: `\`${name}\` (${id}) goes within a minute. Whether it did: ${say('nodes --orphans')}.`,
  }),
  'orphan-adopted': ({ name, id }, say) => ({
    text: `\`${name}\` (${id}) becomes ours within a minute. Whether it did: ${say('nodes --orphans')}.`,
  }),
  limit: ({ called, ...table }) => ({
    text: [`${called}:`, ...renderTable(table)].join('\n'),
    isVerbatim: true,
  }),
  cost: ({ machines, rate, month }, say) => ({
    text:
      `Now: ${plural(machines, 'machine')}, ${rate}. ` +
      `This month so far: about ${month}. Net, at the dearest location; started hours count whole.\n` +
      `A machine is paid for until it is deleted, also while it is off and while its workspaces are stopped. Yours: ${say('nodes')}.`,
  }),
  'no-prices': () => ({ text: 'Your machines cost nothing here, or their prices are not known yet.' }),
  default: ({ repository, ref }, say) => ({
    text:
      repository === undefined
        ? `This channel has no repository of its own. Give it one: ${say('use owner/name')}.`
        : `Here ${say('up')} means \`${repository}${ref ? `@${ref}` : ''}\`. Another one: ${say('use owner/name')}.`,
  }),
  connect: () => NOTHING,
  settings: ({ address }) =>
    address === undefined
      ? NOTHING
      : {
          text: `Everybody reads along here, so I give no private link. Sign in on my own page and leave your key there: ${address}. Never put one into a comment.`,
        },
  disconnected: ({ wasLinked }, say) => ({
    text: wasLinked
      ? `You are not connected with GitHub any more. Your workspaces go on; connect again to use them from here: ${say('connect')}.`
      : `You were not connected with GitHub. To connect: ${say('connect')}.`,
  }),
  token: ({ name, scope, until }, say) => ({
    text: `Your token \`${name}\` may ${TOKEN_MAY[scope]} until ${formatDay(until)}. I show it this once, so keep it now. To end it: ${say(`token rm ${name}`)}.`,
  }),
  tokens: (table) => ({ text: renderTable(table).join('\n'), isVerbatim: true }),
  'no-tokens': (_, say) => ({
    text: `You have no tokens. For a program of yours: ${say('token new NAME --for 90d')}.`,
  }),
  'token-gone': ({ name }) => ({ text: `The token \`${name}\` is worth nothing any more.` }),
  'rename-how': ({ id }, say) => ({ text: `Say it with the new name: ${say(`rename ${id} NEW-NAME`)}.` }),
  asked: ({ name, before, agent = 'claude' }) => ({
    text:
      before === 0
        ? `${AGENT_NAMES[agent]} works on it in \`${name}\`. The answer comes here.`
        : `It waits in \`${name}\` behind ${plural(before, 'other')}. The answer comes here.`,
    isBesideCard: true,
  }),
  here: ({ name, path, line, commit }) => ({
    text: `\`${name}\` has \`${plain(line === undefined ? path : `${path}:${line}`, 200)}\` as this comment speaks of it, at \`${commit.slice(0, 7)}\`.`,
    isBesideCard: true,
    isReply: true,
  }),
  runs: ({ name, before }) => ({
    text:
      before === 0
        ? `It runs in \`${name}\`. How it ends comes here.`
        : `It waits in \`${name}\` behind ${plural(before, 'other')}. How it ends comes here.`,
    isBesideCard: true,
  }),
  cancelling: ({ name, count }) => ({
    text: count === 1 ? `It ends in \`${name}\`.` : `All ${count} end in \`${name}\`.`,
  }),
  decided: ({ number, decision }) => ({
    text: `Question ${number}: ${decision === 'deny' ? 'no' : decision === 'always' ? 'yes, from now on' : 'yes'}.`,
  }),
  port: ({ name, ...line }, say) => ({
    text: [
      `Port ${line.port} of \`${name}\`: ${line.address}`,
      `${SEEN_BY[line.state]}${line.listens ? '' : ' Nothing listens there yet; the page waits for it.'}`,
      line.state === 'shared'
        ? `For you alone again: ${say(`port ${line.port} ${name} --private`)}.`
        : `For your team too: ${say(`port ${line.port} ${name} --share`)}.`,
    ].join('\n'),
    isBesideCard: true,
  }),
  'port-closed': ({ name, port }, say) => ({
    text: `Port ${port} of \`${name}\` opens for nobody now, and what was open is cut. To open it for yourself: ${say(`port ${port} ${name}`)}.`,
  }),
  'port-list': ({ name, ports }, say) => ({
    text:
      ports.length === 0
        ? `Nothing listens in \`${name}\`. Start a program there, then its address is: ${say(`port 3000 ${name}`)}.`
        : ports.map(portLine).join('\n'),
  }),
  proposing: ({ name, branch, waits }) => ({
    text: `I push what is in \`${name}\` to \`${branch}\`${waits ? ' as soon as what is worked on there is over,' : ''} and open a pull request. Its address comes here.`,
    isBesideCard: true,
  }),
  confirm: ({ id }) => ({
    text: `Delete \`${id}\` and its files? If something in it was not pushed, I say so first and delete nothing.`,
  }),
};

const SEEN_BY: Record<PortLine['state'], string> = {
  private: 'It opens for you alone, signed in.',
  shared: 'It opens for those who may read the repository, signed in, until the workspace stops.',
  closed: 'It is closed.',
};

const portLine = ({ port, address, state, listens }: PortLine): string =>
  [`${port}: ${address}`, state === 'private' ? '' : state, listens ? '' : 'nothing listens']
    .filter(Boolean)
    .join(' · ');

const TOKEN_MAY: Record<AnswerCodes['token']['scope'], string> = {
  read: 'look, and change nothing,',
  write: 'do what you may do',
  admin: 'do what you may do, also as one of those who run Sam,',
};

/** `2026-05-10 18:40 UTC`. */
const formatDay = (iso: string): string => `${iso.slice(0, 16).replace('T', ' ')} UTC`;

function noWorkspaces({ why }: AnswerCodes['no-workspaces'], say: Say): Words {
  switch (why) {
    case 'filtered':
      return { text: `None of your workspaces is like that. All: ${say('list')}.` };
    case 'none-here':
      return { text: `You have no workspace of this repository. Make one: ${say('up')}.` };
    case 'none-yet':
      return { text: `You have no workspace yet. Make one: ${say('up owner/name')}.` };
    case 'nobodys':
      return { text: `Nobody has a workspace of this repository. Make one: ${say('up')}.` };
    case 'none-at-all':
      return { text: 'Nobody has a workspace.' };
    default:
      return why satisfies never;
  }
}

/** What everybody reads has no ids of people. */
const describeYou = ({ you, id, front = '' }: AnswerCodes['you']): string =>
  id === undefined ? `You are \`${you}\`.` : `You are ${you} (${id}), known from ${front}.`;

function describeOrphans({ orphans, more, lookedAt }: AnswerCodes['orphans'], say: Say): Words {
  const looked = `Looked at ${formatDay(lookedAt)}.`;
  if (orphans.length === 0) return { text: `Nothing is in doubt. ${looked}`, isVerbatim: true };
  const text = [
    ...orphans.map(orphanLine),
    ...andMore(more),
    `Sam leaves these alone, unless it says otherwise. ${looked} To delete one for good: ${say('node rm NAME --orphan')}. ` +
      `One that is a machine of this installation: ${say('node adopt NAME')}.`,
  ].join('\n');
  return { text, isVerbatim: true };
}

function orphanLine({ id, name, why, address, since, change, error }: OrphanLine): string {
  const state = change ? ` (${change === 'adopt' ? 'is being adopted' : 'is being deleted'})` : '';
  const failed = error ? ` (not done: ${error})` : '';
  return `${name} · ${id} · ${address ?? 'no address'} · since ${since.slice(0, 10)} · ${why}${state}${failed}`;
}

const andMore = (more: number): string[] => (more > 0 ? [`…and ${more} more`] : []);

function renderTable({ rows, more }: Table): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return [...lines.map((line) => line.trimEnd()), ...andMore(more)];
}
