// The bot as a machine sees it: its own routes and hub over a real database, an authority by openssl, and a row for one node.
import { pino } from 'pino';
import { wordGitRefusal } from '../../bot/chat/wording.ts';
import { bootstrapRoutes, createBootstrapToken } from '../../bot/access/machines/bootstrap.ts';
import { makeSigningKey } from '../../bot/access/keys.ts';
import { createKeys, keyRoutes, type Keys, issueTicket } from '../../bot/access/keys.ts';
import { artifactRoutes, findAgentVersion } from '../../bot/nodes/artifact.ts';
import { bootReportRoutes } from '../../bot/nodes/boot-reports.ts';
import { certificateRoutes } from '../../bot/nodes/certificate.ts';
import type { WorkspaceReport } from '../../agent/protocol.ts';
import { createHub, type Hub } from '../../bot/nodes/hub.ts';
import type { Node, Workspace } from '../../bot/database/schema.ts';
import { serverName } from '../../bot/ids.ts';
import { providers, traitsIn } from '../../bot/providers/index.ts';
import { serveRoutes } from '../access/http-server.ts';
import { openRows } from '../access/rows.ts';
import { createAuthority } from '../agent-artifact/authority.ts';

/** `artifacts`: a folder that `npm run build` could have made. */
export async function startBot(artifacts: string) {
  const authority = createAuthority();
  const rows = await openRows();
  const log = pino({ level: process.env['LOG_LEVEL'] ?? 'silent' });
  const hostnameOf = (id: string): string => `${serverName(id)}.nodes.test`;
  let keys: Keys | undefined;
  let hub: Hub | undefined;
  const server = await serveRoutes(async (baseUrl) => {
    const made = await createKeys({ pems: [makeSigningKey()], issuer: baseUrl });
    const { db } = rows;
    keys = made;
    hub = createHub({
      environments: { runtime: 'host' },
      db,
      keys: made,
      log,
      traitsOf: traitsIn(providers),
      wordRefusal: wordGitRefusal,
      agentVersion: () => findAgentVersion(artifacts),
    });
    return {
      upgrades: [hub.upgrade],
      routes: [
        ...bootstrapRoutes({ db, keys: made, baseUrl, traitsOf: traitsIn(providers) }),
        ...bootReportRoutes({ db }),
        ...keyRoutes(made),
        ...artifactRoutes({ folder: artifacts, baseUrl }),
        ...certificateRoutes({
          db,
          keys: made,
          log,
          hostnameOf: ({ id }) => hostnameOf(id),
          issue: (csr, hostname) => authority.issue(csr, hostname),
        }),
      ],
    };
  });
  return {
    url: server.origin,
    port: Number(new URL(server.origin).port),
    authority: authority.certificate,
    hostnameOf,
    isConnected: (node: Node) => hub?.isConnected(node.id) ?? false,
    async addNode(): Promise<{ node: Node; token: string }> {
      const node = await rows.addNode({ provider: 'hetzner', phase: 'booting', terminalPort: null });
      return { node, token: await createBootstrapToken(rows.db, node.id) };
    },
    async addWorkspace(node: Node, repository: string): Promise<Workspace> {
      const { owner, id: nodeId } = node;
      const workspace = await rows.addWorkspace({ owner, nodeId, repository, phase: 'preparing' });
      await hub?.refresh(nodeId);
      return workspace;
    },
    /** What the machine said of its own boot so far: `agent true: 1.2 s`. */
    async bootSteps(node: Node): Promise<string[]> {
      const events = await rows.sql<{ step: string; ok: boolean; message: string }[]>`
        select data->>'step' as step, (data->>'ok')::boolean as ok, data->>'message' as message
          from events where entity = ${node.id} and type = 'boot' order by id`;
      return events.map(({ step, ok, message }) => `${step} ${ok}: ${message}`);
    },
    /** The last report of it. */
    async report(workspace: Workspace): Promise<WorkspaceReport | undefined> {
      const [row] = await rows.sql`select reported from workspaces where id = ${workspace.id}`;
      return (row as unknown as { reported: WorkspaceReport | null }).reported ?? undefined;
    },
    /** What people read of it. */
    async logOf({ id }: Workspace): Promise<string[]> {
      const lines = await rows.sql<{ text: string }[]>`select text from logs where workspace_id = ${id}`;
      return lines.map(({ text }) => text);
    },
    async versionOn(node: Node): Promise<string | null> {
      const [row] = await rows.sql`select agent_version as version from nodes where id = ${node.id}`;
      return (row as unknown as { version: string | null }).version;
    },
    ticket: ({ id, access }: Workspace): Promise<string> =>
      keys
        ? issueTicket(keys, { workspace: id, user: 'us-1', access, drive: true })
        : Promise.reject(new Error('no keys')),
    async close() {
      await hub?.close();
      await server.close();
      await rows.close();
      authority.remove();
    },
  };
}
