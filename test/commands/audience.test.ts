// Who may read a thread may not learn what somebody has elsewhere: of every command, whatever it is said about.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { atTerminal } from '../../bot/chat/console/render.ts';
import { onGitHub } from '../../bot/chat/github/render.ts';
import { createVoice, wordAnswer } from '../../bot/chat/wording.ts';
import { mayName, tellable } from '../../bot/commands/audience.ts';
import type { StartContext } from '../../bot/commands/context.ts';
import { commands } from '../../bot/commands/index.ts';
import type { Answer, Workspace } from '../../bot/database/types.ts';
import { UserError } from '../../bot/errors.ts';
import type { Repository } from '../../bot/forges/forge.ts';
import { openRows, type Rows } from '../access/rows.ts';
import { command, github } from './table.ts';
import { NO_LIMITS } from '../workspaces/rows.ts';

const HERE = 'https://github.com/acme/api';
const SECRET = 'https://github.com/hush/zeppelin';
const TELLING = /hush|zeppelin|airship|balloon|hangar/;
let rows: Rows;
let owner: string;
let node: string;
let secret: Workspace;
beforeAll(async () => {
  rows = await openRows();
  owner = await rows.addUser('ada');
  node = (await rows.addNode({ owner })).name;
  const [{ id: nodeId } = { id: '' }] = await rows.sql<{ id: string }[]>`select id from nodes`;
  const on = { owner, nodeId, repository: SECRET, isPrivate: true, ref: 'hangar' };
  secret = await rows.addWorkspace({ ...on, name: 'airship', key: 'a|pr:7|x', topic: 'hush/zeppelin#7' });
  await rows.addWorkspace({ ...on, name: 'balloon', phase: 'failed' });
});
afterAll(() => rows.close());

const actor = () => ({ id: owner, name: 'ada' }) as StartContext['actor'];
const audience = (traits = onGitHub) => ({
  traits,
  place: { repository: HERE, thread: 'acme/api#1' },
  actor: actor(),
});

/** What is said to the thread, in words. */
async function hear(line: string, repository?: Repository): Promise<string> {
  const spoken = command(`/sam ${line}`, github);
  const verb = commands.find(({ name }) => name === spoken.verb)!;
  let words = '';
  await rows.db
    .transaction(async (tx) => {
      const context: StartContext = {
        ...audience(),
        tx,
        front: 'github',
        place: { repository: HERE, topic: 'acme/api#1', thread: 'acme/api#1' },
        repository,
        maintains: HERE,
        heads: new Map(),
        now: new Date(),
        isAdmin: false,
        admins: [],
        deliveryId: 'd-1',
        policy: { allow: [], deny: [] },
        codingAgents: [],
        provider: 'local',
        limits: { ...NO_LIMITS, workspacesPerUser: 10, idleTimeoutMs: 0, askMinutes: 60, nodeWarmMs: 0 },
      };
      const answer = await verb
        .run(spoken, context)
        .then((outcome) => outcome.answer)
        .catch((error: unknown): Answer => {
          if (!(error instanceof UserError)) throw error;
          return { ok: false, ...error.said };
        });
      const told = await tellable(tx, answer, { ...audience(), said: line });
      const { text, hint } = wordAnswer(told, createVoice('/sam'), github);
      // Where there is a card it is the answer.
      words = told.workspace && told.ok ? '' : `${text}\n${hint}`;
      // Nothing is to come of it.
      tx.rollback();
    })
    .catch((error: unknown) => {
      if (!(error instanceof Error && error.message === 'Rollback')) throw error;
    });
  return words;
}

const lines = commands
  // Help is read by the parser, and knows nobody.
  .filter(({ needs, takes }) => !needs && takes !== 'topic')
  .flatMap(({ name, takes, flags }) => {
    const value = takes === 'target name' ? ' fresh' : '';
    const words = {
      names: [' rm NODE', ' rm vm-aaaaaaaaaaaa'],
      none: [''],
      prompt: [' what is there?'],
      line: [' ls'],
      question: ['', ' 7'],
    }[takes as string] ?? ['', ' #7', ' other'];
    const flagged = Object.entries(flags).flatMap(([flag, { kind }]) =>
      kind === 'boolean' ? [` --${flag}`] : [],
    );
    return ['', ...flagged].flatMap((flag) => words.map((word) => `${name}${word}${value}${flag}`));
  });

test.each(lines)('`%s` names nothing of what somebody has elsewhere', async (line) => {
  const url = { url: SECRET, label: 'hush/zeppelin', isPrivate: true } as Repository;
  for (const repository of [undefined, url])
    expect(await hear(line.replace('NODE', node), repository)).not.toMatch(TELLING);
});

test('a machine that is in use is said to be, and not by what', async () => {
  const words = await hear(`node rm ${node}`);
  expect(words).toContain(`There are workspaces on \`${node}\`, of other repositories`);
});

test('a command that forgets it all says nothing of it, and where one person reads it, all', async () => {
  const gossip: Answer[] = [
    { ok: true, code: 'there-already', details: { name: 'airship' } },
    { ok: false, code: 'no-repository', details: { label: 'Hush/Zeppelin' } },
    { ok: true, code: 'workspaces', details: { rows: [['x', `see ${SECRET}.`]], more: 0 } },
    { ok: true, code: 'confirm', details: { id: secret.id } },
    {
      ok: true,
      code: 'nodes',
      details: { rows: [], more: 0, troubles: [{ name: 'vm', message: 'of balloon, so' }] },
    },
  ];
  for (const answer of gossip) {
    expect(await tellable(rows.db, answer, { ...audience(), said: '' })).toMatchObject({
      code: 'not-nameable',
    });
    expect(await tellable(rows.db, answer, { ...audience(atTerminal), said: '' })).toBe(answer);
  }
  const [first] = gossip;
  expect(await tellable(rows.db, first!, { ...audience(), said: 'up airship' })).toBe(first);
});

/** Of answers that name a thing by its whole name, and of others in which its name is a part of a word or shares one with it. */
const TELLS: [string, boolean][] = [
  ['see https://sam.example.com/settings', false],
  ['7', false],
  ['`acme/api#7`', false],
  ['airships', false],
  ['my-airship', false],
  ['zeppelin', false],
  ['hush/zeppelins', false],
  ['airship.', true],
  ['`airship`, which runs', true],
  ['hush/zeppelin@hangar', true],
  ['hush/zeppelin#7', true],
  ['hush/zeppelin:', true],
  [`${SECRET}#readme`, true],
];

test.each(TELLS)('whole words alone give something away: `%s`', async (text, isSecret) => {
  const answer: Answer = { ok: true, code: 'confirm', details: { id: text } };
  const told = await tellable(rows.db, answer, { ...audience(), said: '' });
  expect(told.code).toBe(isSecret ? 'not-nameable' : 'confirm');
});

test('what is of this repository or of a public one may be named', () => {
  const at = audience();
  expect(mayName(at, { repository: 'https://github.com/Acme/API', isPrivate: true })).toBe(true);
  expect(mayName(at, { repository: 'https://github.com/open/source', isPrivate: false })).toBe(true);
  expect(mayName(at, { repository: 'https://github.com/open/source', isPrivate: null })).toBe(false);
  expect(mayName({ ...at, place: {} }, { repository: HERE, isPrivate: true })).toBe(false);
});
