// A Hetzner with memory: a real HTTP server over one project, that refuses what Hetzner refuses.
// It checks every request against Hetzner's description, and its own answers too.
import { startFake, type FakeAnswer, type FakeRequest } from '../server.ts';
import { loadDescription, type Verdict } from './description.ts';
import {
  Refused,
  createProject,
  type FakeFirewall,
  type FakeMachine,
  type Project,
  type ProjectOptions,
  type ServerRequest,
} from './project.ts';
import { showAction, showFirewall, showPricing, showServer } from './replies.ts';

export interface FakeHetznerOptions extends Partial<ProjectOptions> {
  token?: string;
  /** Calls an hour; they come back one by one. */
  perHour?: number;
}

export type FakeHetzner = Awaited<ReturnType<typeof startFakeHetzner>>;

const ROOT = '/v1';
const descriptions = loadDescription(ROOT);

export async function startFakeHetzner({
  token = 'canary-hcloud-token',
  perHour = 3_600,
  ...rest
}: FakeHetznerOptions = {}) {
  const description = await descriptions;
  const options: ProjectOptions = {
    now: Date.now,
    durations: { create: 30, boot: 30, powerOn: 20, delete: 30 },
    maxServers: 25,
    locksWhileCreating: false,
    onChange: () => undefined,
    ...rest,
  };
  const project = createProject(options);
  const meter = createMeter(perHour, options.now);
  const complaints: string[] = [];

  function answer(request: FakeRequest): FakeAnswer {
    project.pass();
    const { isOver, headers } = meter();
    const { operation, reply } = isOver ? tooMany : judge(request);
    const complaint = operation && description.complain(operation, reply.status, reply.body);
    if (complaint) complaints.push(`${operation} ${reply.status}: ${complaint}`);
    return { ...reply, headers: { ...headers, ...reply.headers } };
  }

  function judge(request: FakeRequest): { operation?: string | undefined; reply: FakeAnswer } {
    const verdict = description.check(request);
    const { operation } = verdict;
    try {
      refuseStrangers(request, token);
      return { operation, reply: perform(project, options, verdict, request) };
    } catch (error) {
      if (error instanceof Refused) return { operation, reply: error.answer };
      throw error;
    }
  }

  const server = await startFake(answer);
  return {
    ...server,
    endpoint: `${server.url}${ROOT}`,
    token,
    project,
    /** Answers of the fake that its description does not allow: must be empty. */
    complaints,
    /** What is there, when all that is due has happened. */
    servers: (): FakeMachine[] => (project.pass(), [...project.servers.values()]),
    firewalls: (): FakeFirewall[] => [...project.firewalls.values()],
    /** By somebody else: a server that nobody's agent is in. */
    insert({ name, labels }: { name: string; labels: Record<string, string> }): void {
      project.createServer({
        name,
        labels,
        server_type: 'cx23',
        image: 'debian-13',
        start_after_create: false,
      });
    },
    /** As a power cut, or somebody in the Console. */
    turnOff({ id }: { id: string | number }): void {
      project.pass();
      const machine = project.servers.get(Number(id));
      if (machine) project.powerOff(machine);
    },
  };
}

const tooMany: { operation?: string; reply: FakeAnswer } = {
  reply: {
    status: 429,
    body: { error: { code: 'rate_limit_exceeded', message: 'limit of 3600 requests per hour reached' } },
  },
};

function refuseStrangers({ headers }: FakeRequest, token: string): void {
  if (headers['authorization'] !== `Bearer ${token}`)
    throw new Refused(401, 'unauthorized', 'unable to authenticate');
}

function createMeter(perHour: number, now: () => number) {
  let left = perHour;
  let at = now();
  return () => {
    left = Math.min(perHour, left + ((now() - at) * perHour) / 3_600_000);
    at = now();
    const isOver = left < 1;
    if (!isOver) left -= 1;
    const fullInMs = ((perHour - left) * 3_600_000) / perHour;
    const headers = {
      date: new Date(now()).toUTCString(),
      'ratelimit-limit': String(perHour),
      'ratelimit-remaining': String(Math.floor(left)),
      'ratelimit-reset': String(Math.ceil((now() + fullInMs) / 1_000)),
    };
    return { isOver, headers };
  };
}

function perform(
  project: Project,
  options: ProjectOptions,
  verdict: Verdict,
  request: FakeRequest,
): FakeAnswer {
  const { operation, problem } = verdict;
  const handler = operation === undefined ? undefined : handlers[operation];
  if (!handler) throw new Refused(404, 'not_found', `no such operation: ${request.method} ${request.path}`);
  if (problem !== undefined) {
    const isJson = !problem.includes('JSON');
    throw new Refused(
      isJson ? 422 : 400,
      isJson ? 'invalid_input' : 'json_error',
      `invalid input: ${problem}`,
    );
  }
  const body: unknown = request.body ? JSON.parse(request.body) : {};
  return handler({ project, options, query: verdict.query, params: verdict.params, body });
}

interface Asked {
  project: Project;
  options: ProjectOptions;
  query: Record<string, unknown>;
  params: Record<string, string>;
  body: unknown;
}

const handlers: Record<string, (asked: Asked) => FakeAnswer> = {
  create_server({ project, options, body }) {
    const { server, action } = project.createServer(body as ServerRequest);
    return {
      status: 201,
      body: {
        server: show(project, options, server),
        action: showAction(action, options.now()),
        next_actions: [],
        // Sent by mail as well when no SSH key is given.
        root_password: 'canary-root-password',
      },
    };
  },
  list_servers: ({ project, options, query }) =>
    page('servers', filter([...project.servers.values()], query), query, (server) =>
      show(project, options, server),
    ),
  get_server: ({ project, options, params }) => ({
    status: 200,
    body: { server: show(project, options, serverOf(project, params)) },
  }),
  replace_server({ project, options, params, body }) {
    const server = serverOf(project, params);
    server.labels = (body as { labels?: Record<string, string> }).labels ?? server.labels;
    return { status: 200, body: { server: show(project, options, server) } };
  },
  delete_server: ({ project, options, params }) => ({
    status: 200,
    body: { action: showAction(project.deleteServer(serverOf(project, params)), options.now()) },
  }),
  power_on_server: ({ project, options, params }) => ({
    status: 201,
    body: { action: showAction(project.powerOn(serverOf(project, params)), options.now()) },
  }),
  list_firewalls: ({ project, query }) =>
    page('firewalls', filter([...project.firewalls.values()], query), query, (firewall) =>
      showFirewall(firewall, [...project.servers.values()]),
    ),
  create_firewall({ project, body }) {
    const firewall = project.createFirewall(body as FakeFirewall);
    return { status: 201, body: { firewall: showFirewall(firewall, []), actions: [] } };
  },
  set_rules({ project, options, params, body }) {
    const firewall = project.firewalls.get(Number(params['id']));
    if (!firewall) throw new Refused(404, 'not_found', 'firewall not found');
    const action = project.setRules(firewall, (body as FakeFirewall).rules);
    return { status: 201, body: { actions: [showAction(action, options.now())] } };
  },
  list_prices: () => ({ status: 200, body: { pricing: showPricing() } }),
  get_action({ project, options, params }) {
    const action = project.actions.find(({ id }) => id === Number(params['id']));
    if (!action) throw new Refused(404, 'not_found', 'action not found');
    return { status: 200, body: { action: showAction(action, options.now()) } };
  },
};

function serverOf(project: Project, params: Record<string, string>): FakeMachine {
  const server = project.servers.get(Number(params['id']));
  if (!server) throw new Refused(404, 'not_found', `server with ID '${params['id']}' not found`);
  return server;
}

function show(project: Project, options: ProjectOptions, server: FakeMachine) {
  const isBusy = project.actions.some(
    ({ isFinished, resources }) => !isFinished && resources[0]?.id === server.id,
  );
  return showServer(server, server.isLocked || (options.locksWhileCreating && isBusy));
}

function filter<T extends { id: number; name: string; labels: Record<string, string> }>(
  things: T[],
  { name, label_selector: selector, sort = ['id:asc'] }: Record<string, unknown>,
): T[] {
  const wanted = (typeof selector === 'string' ? selector : '')
    .split(',')
    .filter(Boolean)
    .map((term) => term.split(/==|=/));
  const found = things
    .filter((thing) => name === undefined || thing.name === name)
    .filter(({ labels }) => wanted.every(([key = '', value]) => labels[key] === value))
    .sort((one, other) => one.id - other.id);
  return (sort as string[])[0] === 'id:desc' ? found.reverse() : found;
}

function page<T>(
  name: string,
  things: T[],
  { page: asked = 1, per_page: size = 25 }: Record<string, unknown>,
  showOne: (thing: T) => unknown,
): FakeAnswer {
  const [number, perPage] = [Number(asked), Math.min(50, Number(size))];
  const last = Math.max(1, Math.ceil(things.length / perPage));
  const pagination = {
    page: number,
    per_page: perPage,
    previous_page: number > 1 ? number - 1 : null,
    next_page: number < last ? number + 1 : null,
    last_page: last,
    total_entries: things.length,
  };
  const shown = things.slice((number - 1) * perPage, number * perPage).map(showOne);
  return { status: 200, body: { [name]: shown, meta: { pagination } } };
}
