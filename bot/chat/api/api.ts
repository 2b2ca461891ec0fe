// Programs as a front: /api, with the commands and rights of every other one. Nobody types there, and it has no cards.
import type { Front, FrontOptions } from '../front.ts';
import { forgetRequests } from '../store/api.ts';
import { TRIGGER } from '../wording.ts';
import { createAgentSessions } from './agent-sessions.ts';
import { auditOperation } from './audit.ts';
import { createAsking } from './asking.ts';
import { createConversation, NAME } from './conversation.ts';
import { forgeOperations } from './forges.ts';
import { createRequestLimit } from './limit.ts';
import { meOperations } from './me.ts';
import { createNodes } from './nodes.ts';
import { describeApi } from './openapi.ts';
import { routeOf, type Operation } from './operation.ts';
import { Description } from './schemas.ts';
import { settingsPages } from './settings/pages.ts';
import { tokenOperations } from './tokens.ts';
import { createWorkspaces } from './workspaces.ts';

const HOUR_MS = 60 * 60_000;

export function createApi(options: FrontOptions): Front {
  const { db, config, admins } = options;
  const { baseUrl } = config;
  const asking = createAsking(options);
  const limit = createRequestLimit();
  const workspaces = createWorkspaces({ ...options, asking });
  const sessions = createAgentSessions({ ...options, asking });
  const nodes = createNodes({ ...options, asking });
  const streams = [...workspaces.streams, ...nodes.streams, sessions.streams];
  const operations: Operation[] = [
    {
      id: 'getDescription',
      method: 'GET',
      path: '/api/openapi.json',
      summary: 'This description.',
      for: 'nobody',
      answers: { status: 200, schema: Description },
      refusals: [],
      run: () => Promise.resolve({ status: 200, body: description }),
    },
    ...tokenOperations(db),
    ...workspaces.operations,
    ...sessions.operations,
    ...nodes.operations,
    ...forgeOperations(options),
    auditOperation(db),
    ...meOperations(db),
  ];
  const description = describeApi(operations, baseUrl);
  return {
    name: NAME,
    trigger: TRIGGER,
    conversation: createConversation(options),
    routes: [
      ...operations.map((operation) => routeOf({ db, baseUrl, limit, admins }, operation)),
      ...settingsPages({ db, baseUrl, admins, asking, canSignIn: options.forges.length > 0 }),
    ],
    sources: [asking.source, ...streams.map(({ source }) => source)],
    sweeps: [{ name: 'old-requests', everyMs: HOUR_MS, run: () => forgetRequests(db) }],
    prompt: undefined,
    start() {},
    stop() {
      for (const one of streams) one.end();
      return Promise.resolve(asking.stop());
    },
    describe: () => ({
      title: 'REST',
      isOn: true,
      details: '/api',
      isForOthers: false,
      setUpUrl: undefined,
    }),
  };
}
