// Who else is let into a person's workspace, over HTTP: each change is a command. Writes nothing itself.
import type { z } from 'zod';
import { findIdentities, findUserName } from '../../access/store/people.ts';
import { listSharedWith, listShares, type OpenShare } from '../../access/store/shares.ts';
import type { Workspace } from '../../database/types.ts';
import { findForge } from '../../forges/forge.ts';
import { listWorkspaces } from '../../workspaces/store/workspaces.ts';
import type { FrontOptions } from '../front.ts';
import { readEnded } from '../store/api.ts';
import type { Asking } from './asking.ts';
import { NAME } from './conversation.ts';
import { pageOfAll } from './cursors.ts';
import { refuse, type Call, type Operation, type Reply } from './operation.ts';
import { limitOf, OwnShare, OwnShareList, Page, Share, ShareList, ShareRequest } from './schemas.ts';

type Options = Pick<FrontOptions, 'db' | 'forges' | 'config'> & { asking: Asking };

const PATH = '/api/workspaces/:id/shares';

/** `findOwn`: of the workspace, which is the caller's. */
export const shareOperations = (options: Options, findOwn: NonNullable<Operation['find']>): Operation[] => [
  {
    id: 'listShares',
    method: 'GET',
    path: PATH,
    summary: 'With whom a workspace is shared now, newest first.',
    for: 'person',
    query: Page,
    answers: { status: 200, schema: ShareList },
    refusals: [404],
    find: findOwn,
    run: (call) => list(options, call as Call<z.infer<typeof Page>>),
  },
  {
    id: 'createShare',
    method: 'POST',
    path: PATH,
    summary:
      'Lets somebody who may read the repository in, for a while, in place of what they were let in for before.',
    for: 'person',
    body: ShareRequest,
    answers: { status: 201, schema: Share },
    refusals: [404, 409, 422],
    find: findOwn,
    run: (call) => make(options, call as Call<unknown, z.infer<typeof ShareRequest>>),
  },
  {
    id: 'deleteShare',
    method: 'DELETE',
    path: `${PATH}/:share`,
    summary: 'Lets them in no more, and closes what they have open, at once.',
    for: 'person',
    answers: { status: 204, schema: undefined },
    refusals: [404, 409],
    async find(caller, params) {
      const workspace = (await findOwn(caller, params)) as Workspace;
      const share = (await listShares(options.db, [workspace.id])).find(({ id }) => id === params['share']);
      if (!share) throw refuse(404, 'not-found');
      return { workspace, share };
    },
    run: (call) => end(options, call),
  },
];

const OWN = '/api/shares';

/** All that the caller is a part of, whoever shares it. */
export const ownShares = (options: Pick<Options, 'db' | 'config'>): Operation => ({
  id: 'listOwnShares',
  method: 'GET',
  path: OWN,
  summary: 'With whom your workspaces are shared now, and what others share with you, newest first.',
  for: 'person',
  query: Page,
  answers: { status: 200, schema: OwnShareList },
  refusals: [],
  async run(call) {
    const query = call.query as z.infer<typeof Page>;
    const all = await listOwn(options, call.caller.user);
    const { rows, next } = pageOfAll(OWN, all, { cursor: query.cursor, limit: limitOf(query) });
    return { status: 200, body: { items: rows.map(({ share }) => share), next } };
  },
});

type Own = { createdAt: Date; id: string; share: z.infer<typeof OwnShare> };

async function listOwn({ db, config }: Pick<Options, 'db' | 'config'>, user: string): Promise<Own[]> {
  const me = (await findUserName(db, user)) ?? user;
  const mine = new Map((await listWorkspaces(db, user)).map((one) => [one.id, one]));
  const given = (await listShares(db, [...mine.keys()])).flatMap((share) => {
    const workspace = mine.get(share.workspaceId);
    return workspace
      ? [{ ...share, workspace, owner: me, person: share.name, direction: 'given' as const }]
      : [];
  });
  const received = (await listSharedWith(db, user)).map((share) => ({
    ...share,
    owner: share.ownerName,
    person: me,
    direction: 'received' as const,
  }));
  return [...given, ...received].map(({ id, direction, workspace, owner, person, may, createdAt, until }) => {
    const { id: of, name, repository, phase } = workspace;
    const share = {
      id,
      direction,
      workspace: { id: of, name, repository, phase },
      owner,
      person,
      access: may,
      createdAt: createdAt.toISOString(),
      until: until.toISOString(),
      url: `${config.baseUrl}/w/${of}`,
    };
    return { createdAt, id, share };
  });
}

const listOf = ({ params }: Call): string => `shares ${params['id']}`;

async function list({ db, config }: Options, call: Call<z.infer<typeof Page>>): Promise<Reply> {
  const { query, found } = call;
  const all = await listShares(db, [(found as Workspace).id]);
  const asked = { cursor: query.cursor, limit: limitOf(query) };
  const { rows, next } = pageOfAll(listOf(call), all, asked);
  return { status: 200, body: { items: rows.map((share) => describe(config, share)), next } };
}

function make(options: Options, call: Call<unknown, z.infer<typeof ShareRequest>>): Promise<Reply> {
  const { db, config, asking } = options;
  const { person, access = 'view', for: span } = call.body;
  const workspace = call.params['id'] ?? '';
  const words = [
    workspace,
    `@${person.replace(/^@/, '')}`,
    `--${access}`,
    ...(span ? [`--for=${span}`] : []),
  ];
  const said = { line: `share ${words.join(' ')}`, workspace, field: 'person' };
  return asking.ask(call, said, async (_, deliveryId) => {
    const answer = (await readEnded(db, NAME, [deliveryId])).get(deliveryId);
    const id = answer?.code === 'shared' ? answer.details.share : undefined;
    const share = (await listShares(db, [workspace])).find((one) => one.id === id);
    // Somebody ended it a moment ago.
    if (!share) throw refuse(404, 'not-found');
    return { status: 201, body: describe(config, share) };
  });
}

async function end({ db, forges, asking }: Options, call: Call): Promise<Reply> {
  const { workspace, share } = call.found as { workspace: Workspace; share: OpenShare };
  const forge = findForge(forges, workspace.repository)?.forge.name ?? '';
  const login = (await findIdentities(db, [share.person], forge)).get(share.person)?.login ?? share.name;
  const said = { line: `unshare ${workspace.id} @${login}`, workspace: workspace.id, field: 'share' };
  return asking.ask(call, said, () => Promise.resolve({ status: 204, body: undefined }));
}

const describe = ({ baseUrl }: Options['config'], share: OpenShare): z.infer<typeof Share> => ({
  id: share.id,
  person: share.name,
  access: share.may,
  createdAt: share.createdAt.toISOString(),
  until: share.until.toISOString(),
  url: `${baseUrl}/w/${share.workspaceId}`,
});
