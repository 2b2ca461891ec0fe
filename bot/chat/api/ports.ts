// The ports of a person's workspace, over HTTP: each change is a command. Writes nothing itself, and opens none.
import type { z } from 'zod';
import type { PortLine } from '../../codes.ts';
import type { Workspace } from '../../database/types.ts';
import { readLine, readLines, type AddressOf } from '../../commands/port-lines.ts';
import { findWorkspace } from '../../workspaces/store/workspaces.ts';
import type { FrontOptions } from '../front.ts';
import { refusal, type Asking } from './asking.ts';
import { readCount, writeCount } from './cursors.ts';
import { refuse, type Call, type Operation, type Reply } from './operation.ts';
import { limitOf, Page, Port, PortList, PortRequest } from './schemas.ts';

type Options = Pick<FrontOptions, 'db' | 'knowledge'> & { asking: Asking };

const PATH = '/api/workspaces/:id/ports';
const MOST = 65_535;

/** `findOwn`: of the workspace, which is the caller's. */
export const portOperations = (options: Options, findOwn: NonNullable<Operation['find']>): Operation[] => [
  {
    id: 'listPorts',
    method: 'GET',
    path: PATH,
    summary: 'What listens in a workspace now, and what was said of its ports, by their number.',
    for: 'person',
    query: Page,
    answers: { status: 200, schema: PortList },
    refusals: [404, 409],
    find: findOwn,
    run: (call) => list(options, call as Call<z.infer<typeof Page>>),
  },
  {
    id: 'openPort',
    method: 'POST',
    path: PATH,
    summary:
      'Gives the address of a port: for its owner alone, or to share with those who may read the repository.',
    for: 'person',
    body: PortRequest,
    answers: { status: 201, schema: Port },
    refusals: [404, 409, 422],
    find: findOwn,
    run: (call) => open(options, call as Call<unknown, z.infer<typeof PortRequest>>),
  },
  {
    id: 'closePort',
    method: 'DELETE',
    path: `${PATH}/:port`,
    summary: 'Lets nobody see it any more, until it is opened again, and closes what is open, at once.',
    for: 'person',
    answers: { status: 204, schema: undefined },
    refusals: [404, 409],
    async find(caller, params) {
      const workspace = await findOwn(caller, params);
      const { port = '' } = params;
      if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > MOST) throw refuse(404, 'not-found');
      return workspace;
    },
    run: (call) => close(options, call),
  },
];

/** Throws ApiError: nobody has said by which names ports are reached. */
function addressOf({ knowledge }: Options): AddressOf {
  const { portAddress } = knowledge;
  if (!portAddress) throw refusal({ code: 'no-ports-domain', details: {} });
  return portAddress;
}

async function list(options: Options, { params, query, found }: Call<z.infer<typeof Page>>): Promise<Reply> {
  const key = `ports ${params['id']}`;
  const after = readCount({ key, most: MOST }, query.cursor);
  const limit = limitOf(query);
  const all = await readLines(options.db, found as Workspace, addressOf(options));
  const rest = all.filter(({ port }) => port > after);
  const last = rest.length > limit ? rest[limit - 1] : undefined;
  const next = last ? writeCount(key, last.port) : null;
  return { status: 200, body: { items: rest.slice(0, limit).map(describe), next } };
}

function open(options: Options, call: Call<unknown, z.infer<typeof PortRequest>>): Promise<Reply> {
  const { db, asking } = options;
  const { port, access } = call.body;
  const workspace = call.params['id'] ?? '';
  const flag = access === undefined ? '' : access === 'shared' ? ' --share' : ' --private';
  const said = { line: `port ${port} ${workspace}${flag}`, workspace, field: 'port' };
  return asking.ask(call, said, async () => {
    const row = await findWorkspace(db, workspace);
    if (!row) throw refuse(404, 'not-found');
    return { status: 201, body: describe(await readLine(db, row, port, addressOf(options))) };
  });
}

function close({ asking }: Options, call: Call): Promise<Reply> {
  const { id: workspace = '', port = '' } = call.params;
  const said = { line: `port ${port} ${workspace} --close`, workspace, field: 'port' };
  return asking.ask(call, said, () => Promise.resolve({ status: 204, body: undefined }));
}

const describe = ({ port, address, state, listens }: PortLine): z.infer<typeof Port> => ({
  port,
  url: address,
  access: state,
  listens,
});
