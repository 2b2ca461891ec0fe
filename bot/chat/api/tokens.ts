// Who asks, and their personal tokens: listed, made and ended by a browser that is signed in. Runs no command.
import { createHmac } from 'node:crypto';
import type { z } from 'zod';
import {
  dropToken,
  giveSecret,
  insertToken,
  listTokens,
  tokenOf,
} from '../../access/people/personal-tokens-store.ts';
import { recordOwn } from '../../access/store/audit.ts';
import { newSecret } from '../../access/secrets.ts';
import { findUserName, listIdentities } from '../../access/store/people.ts';
import { isValidName, readDuration } from '../../commands/parser/names.ts';
import type { Executor, PersonalToken, TokenScope } from '../../database/types.ts';
import { UserError } from '../../errors.ts';
import { claimKey, findRequest, keepReply } from '../store/api.ts';
import { pageOf, readCursor } from './cursors.ts';
import { refuse, refuseCaller, type Call, type Caller, type Operation, type Reply } from './operation.ts';
import { limitOf, Me, NewToken, Page, Token, TokenList, TokenRequest } from './schemas.ts';

const PATH = '/api/tokens';
const LIST = 'tokens';
const MAKE = 'createToken';
const DEFAULT_MS = 90 * 86_400_000;
const ID = /^tk-[a-z2-7]{12}$/;

export const tokenOperations = (db: Executor): Operation[] => [
  {
    id: 'getMe',
    method: 'GET',
    path: '/api/auth/me',
    summary: 'Who you are, and what this token may do.',
    for: 'person',
    answers: { status: 200, schema: Me },
    refusals: [],
    run: async ({ caller }) => ({ status: 200, body: await describeMe(db, caller) }),
  },
  {
    id: 'listTokens',
    method: 'GET',
    path: PATH,
    summary: 'Your personal tokens, newest first; never their secrets.',
    for: 'browser',
    query: Page,
    answers: { status: 200, schema: TokenList },
    refusals: [],
    run: (call) => list(db, call as Call<z.infer<typeof Page>>),
  },
  {
    id: MAKE,
    method: 'POST',
    path: PATH,
    summary: 'Makes a personal token and shows it, this once.',
    for: 'browser',
    body: TokenRequest,
    answers: { status: 201, schema: NewToken },
    refusals: [409, 422],
    run: (call) => make(db, call as Call<unknown, z.infer<typeof TokenRequest>>),
  },
  {
    id: 'deleteToken',
    method: 'DELETE',
    path: `${PATH}/:id`,
    summary: 'Ends a personal token, at once.',
    for: 'browser',
    answers: { status: 204, schema: undefined },
    refusals: [404],
    async find({ user }, { id = '' }) {
      const isThere = ID.test(id) && (await listTokens(db, user)).some((one) => one.id === id);
      if (!isThere) throw refuse(404, 'not-found');
    },
    async run({ caller, params }) {
      const { id = '' } = params;
      await db.transaction(async (tx) => {
        // Somebody else may have been faster.
        if (!(await dropToken(tx, caller.user, id))) throw refuse(404, 'not-found');
        await recordOwn(tx, caller.user, 'token-ended', id);
      });
      return { status: 204, body: undefined };
    },
  },
];

/** From the narrowest on: each holds those before it. */
const SCOPES: readonly TokenScope[] = ['read', 'write', 'admin'];

const scopesOf = (scope: TokenScope): TokenScope[] => SCOPES.slice(0, SCOPES.indexOf(scope) + 1);

/** The widest of them; if nothing is said, what the person may do. */
const scopeOf = (asked: readonly TokenScope[] = ['write']): TokenScope =>
  SCOPES.findLast((one) => asked.includes(one)) ?? 'write';

async function describeMe(db: Executor, { user, token, isAdmin }: Caller): Promise<z.infer<typeof Me>> {
  return {
    id: user,
    name: (await findUserName(db, user)) ?? user,
    identities: (await listIdentities(db, user)).map(({ source, login }) => ({ source, login })),
    scopes: scopesOf((await isAdmin()) ? 'admin' : token?.scope === 'read' ? 'read' : 'write'),
    token: token ? { id: token.id, name: token.name, expiresAt: token.expiresAt.toISOString() } : null,
  };
}

async function list(db: Executor, { caller, query }: Call<z.infer<typeof Page>>): Promise<Reply> {
  const after = readCursor(LIST, query.cursor);
  const limit = limitOf(query);
  const found = await listTokens(db, caller.user, { limit: limit + 1, ...(after && { after }) });
  const { rows, next } = pageOf(LIST, found, limit);
  return { status: 200, body: { items: rows.map(describe), next } };
}

const describe = ({ id, name, scope, ...token }: PersonalToken): z.infer<typeof Token> => ({
  id,
  name,
  scopes: scopesOf(scope),
  createdAt: token.createdAt.toISOString(),
  expiresAt: token.expiresAt.toISOString(),
  usedAt: token.usedAt?.toISOString() ?? null,
});

async function make(
  db: Executor,
  { caller, body, keyed }: Call<unknown, z.infer<typeof TokenRequest>>,
): Promise<Reply> {
  const life = body.expiry === undefined ? { ms: DEFAULT_MS } : readDuration([body.expiry]);
  const isNamed = isValidName(body.name);
  const wrong = [...(isNamed ? [] : ['name']), ...(life && 'ms' in life ? [] : ['expiry'])];
  if (!life || !('ms' in life) || wrong.length > 0) throw refuse(400, 'bad-request', wrong);
  const scope = scopeOf(body.scopes);
  if (scope === 'admin' && !(await caller.isAdmin()))
    throw await refuseCaller({ db }, caller, { id: MAKE }, 'admins-only');
  const wanted = { name: body.name, scope, lifeMs: life.ms } as const;
  try {
    const made = await db.transaction(async (tx) => {
      if (keyed && !(await claimKey(tx, keyed, null))) return undefined;
      const row = await insertToken(tx, caller.user, wanted);
      const token = secretOf(row.id, caller, keyed);
      await giveSecret(tx, row.id, token);
      await recordOwn(tx, caller.user, 'token-made', `${row.id} ${row.name} ${row.scope}`);
      const shown = describe(row);
      if (keyed) await keepReply(tx, keyed, { status: 201, body: JSON.stringify(shown) });
      return { ...shown, token };
    });
    return { status: 201, body: made ?? (await readMade(db, caller, keyed)) };
  } catch (error) {
    if (error instanceof UserError && error.code === 'token-taken')
      throw refuse(409, 'token-taken', ['name']);
    throw error;
  }
}

/**
 * With a key it is made of that, of the session and of the row: the same for whoever sends it again, and kept nowhere. The row's id is
 * what makes the one of tomorrow another one, though its key and its words are the same.
 */
function secretOf(id: string, { secret }: Caller, keyed: Call['keyed']): string {
  if (!keyed || secret === undefined) return tokenOf(newSecret());
  const made = createHmac('sha256', secret).update(`token\n${id}\n${keyed.key}\n${keyed.fingerprint}`);
  return tokenOf(made.digest('base64url'));
}

/** What the same request was told a moment ago. */
async function readMade(db: Executor, caller: Caller, keyed: Call['keyed']): Promise<object> {
  const known = keyed && (await findRequest(db, keyed));
  if (!known?.body || known.fingerprint !== keyed?.fingerprint) throw refuse(422, 'key-reused');
  const shown = Token.parse(JSON.parse(known.body));
  return { ...shown, token: secretOf(shown.id, caller, keyed) };
}
