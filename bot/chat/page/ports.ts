// What listens in a workspace, told to its page as it changes: numbers, and where each is opened. Opens nothing.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { refuse } from '../../access/terminal-token.ts';
import type { Workspace } from '../../database/types.ts';
import { sendJson, type Route } from '../../http/routes.ts';
import { readPortVersions } from '../store/live.ts';
import { createStreams, type Streams, type Telling } from '../streams.ts';
import type { CardKnowledge } from '../view.ts';
import { findVisitor, refusedStream, type VisitorOptions } from './visitors.ts';

export interface PagePortsOptions extends VisitorOptions {
  portAddress?: CardKnowledge['portAddress'];
  beatMs?: number | undefined;
}

export interface PagePorts {
  route: Route;
  streams: Streams;
}

export function createPagePorts(options: PagePortsOptions): PagePorts {
  const streams = createStreams({
    name: 'ports',
    readVersions: (workspaces) => readPortVersions(options.db, workspaces),
    beatMs: options.beatMs,
  });
  return {
    streams,
    route: {
      method: 'GET',
      path: '/w/:workspace/ports',
      handle: (req, res, { workspace = '' }) => listen(options, streams, req, res, workspace),
    },
  };
}

async function listen(
  options: PagePortsOptions,
  streams: Streams,
  req: IncomingMessage,
  res: ServerResponse,
  workspace: string,
): Promise<void> {
  const visitor = await findVisitor(options, req, workspace);
  if ('refusal' in visitor) return refuse(res, visitor.refusal);
  if (!/text\/event-stream/.test(req.headers.accept ?? ''))
    return sendJson(res, 200, listOf(options, visitor.workspace));
  let told = '';
  await streams.open(res, {
    key: workspace,
    user: visitor.session.user,
    isRefused: async () => 'refusal' in (await findVisitor(options, req, workspace)),
    async tell() {
      const now = await findVisitor(options, req, workspace);
      if ('refusal' in now) return { text: '', ...refusedStream(now.refusal) } satisfies Telling;
      const text = JSON.stringify(listOf(options, now.workspace));
      if (text === told) return { text: '' };
      told = text;
      return { text: `event: ports\ndata: ${text}\n\n` };
    },
  });
}

/** Nothing where nobody could open one. */
function listOf(
  { portAddress }: PagePortsOptions,
  { id, phase, desired, reported }: Workspace,
): { ports: { port: number; address: string }[] } {
  const isOn = portAddress !== undefined && phase === 'running' && desired === 'running';
  const ports = isOn ? (reported?.ports ?? []) : [];
  return {
    ports: ports.map((port) => ({ port, address: `${portAddress?.({ workspace: id, port }) ?? ''}/` })),
  };
}
