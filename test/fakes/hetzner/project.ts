// The state of one Hetzner project: servers, firewalls, actions, and time passing over them. Knows no HTTP.
import type { FakeAnswer } from '../server.ts';

export interface ProjectOptions {
  /** ms; real time if not given. Nothing happens but when somebody looks. */
  now: () => number;
  /** How long things take, in ms. */
  durations: { create: number; boot: number; powerOn: number; delete: number };
  maxServers: number;
  /** Whether a server is locked until its create has ended, as it sometimes is. */
  locksWhileCreating: boolean;
  /** What happens to the machine behind a server. */
  onChange: (change: 'created' | 'on' | 'off' | 'deleted', server: FakeMachine) => void;
}

export interface FakeMachine {
  id: number;
  name: string;
  status: 'initializing' | 'starting' | 'running' | 'off' | 'deleting' | 'unknown';
  created: string;
  labels: Record<string, string>;
  userData: string;
  serverType: string;
  location: string;
  image: string;
  firewalls: number[];
  ip: string;
  isProtected: boolean;
  /** By hand, until it is taken away. */
  isLocked: boolean;
}

export interface FakeFirewall {
  id: number;
  name: string;
  created: string;
  labels: Record<string, string>;
  rules: Record<string, unknown>[];
}

export interface FakeAction {
  id: number;
  command: string;
  started: number;
  ends: number;
  resources: { id: number; type: string }[];
  /** What the end of it changes. */
  finish: () => void;
  isFinished: boolean;
}

export interface ServerRequest {
  name: string;
  server_type: string;
  image: string;
  location?: string;
  labels?: Record<string, string>;
  user_data?: string;
  firewalls?: { firewall: number }[];
  ssh_keys?: (string | number)[];
  start_after_create?: boolean;
}

export const LOCATIONS = ['fsn1', 'nbg1', 'hel1'];
export const SERVER_TYPES: Record<
  string,
  { id: number; cores: number; memory: number; arch: 'x86' | 'arm' }
> = {
  cx23: { id: 114, cores: 2, memory: 4, arch: 'x86' },
  cx33: { id: 115, cores: 4, memory: 8, arch: 'x86' },
  cx43: { id: 116, cores: 8, memory: 16, arch: 'x86' },
  cax11: { id: 45, cores: 2, memory: 4, arch: 'arm' },
  cax21: { id: 93, cores: 4, memory: 8, arch: 'arm' },
  cax31: { id: 94, cores: 8, memory: 16, arch: 'arm' },
};
const IMAGES = ['debian-12', 'debian-13', 'ubuntu-24.04'];

/** A refusal in Hetzner's form. */
export class Refused extends Error {
  readonly answer: FakeAnswer;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.answer = { status, body: { error: { code, message, details: null } } };
  }
}

export function createProject(options: ProjectOptions) {
  const servers = new Map<number, FakeMachine>();
  const firewalls = new Map<number, FakeFirewall>();
  const actions: FakeAction[] = [];
  /** Room that is left, by `location/type`; what is not named has room. */
  const capacity = new Map<string, number>();
  let lastId = 1_000;
  const nextId = () => (lastId += 1);

  /** Lets all that is due happen, in its order. */
  function pass(): void {
    for (;;) {
      const due = actions
        .filter((action) => !action.isFinished && action.ends <= options.now())
        .sort((one, other) => one.ends - other.ends)[0];
      if (!due) return;
      due.isFinished = true;
      due.finish();
    }
  }

  function act(
    command: string,
    server: { id: number },
    ms: number,
    finish: () => void = () => undefined,
    started = options.now(),
  ) {
    const resources = [{ id: server.id, type: command.includes('firewall') ? 'firewall' : 'server' }];
    const action = {
      id: nextId(),
      command,
      started,
      ends: started + ms,
      resources,
      finish,
      isFinished: false,
    };
    actions.push(action);
    return action;
  }

  const isBusy = (server: FakeMachine, commands: string[]): boolean =>
    actions.some(
      (action) =>
        !action.isFinished && commands.includes(action.command) && action.resources[0]?.id === server.id,
    );

  function refuseLocked(server: FakeMachine): void {
    const locking = ['start_server', 'stop_server', ...(options.locksWhileCreating ? ['create_server'] : [])];
    if (server.isLocked || isBusy(server, locking) || server.status === 'deleting')
      throw new Refused(423, 'locked', 'cannot perform operation because server is locked');
  }

  function takeRoom(place: string): void {
    const room = capacity.get(place) ?? Number.POSITIVE_INFINITY;
    if (room < 1) throw new Refused(412, 'resource_unavailable', 'error during placement');
    capacity.set(place, room - 1);
  }

  function boot(server: FakeMachine): FakeAction {
    server.status = 'starting';
    options.onChange('on', server);
    return act('start_server', server, options.durations.powerOn, () => {
      if (server.status === 'starting') server.status = 'running';
    });
  }

  return {
    servers,
    firewalls,
    actions,
    capacity,
    pass,
    nextId,

    createServer(request: ServerRequest) {
      check(request, servers, firewalls, options.maxServers);
      takeRoom(`${request.location ?? 'fsn1'}/${request.server_type}`);
      const server = toMachine(nextId(), request);
      servers.set(server.id, server);
      options.onChange('created', server);
      const { create, boot: bootMs } = options.durations;
      const started = options.now();
      const action = act('create_server', server, create, () => {
        if (server.status !== 'initializing') return;
        server.status = request.start_after_create === false ? 'off' : 'starting';
        if (server.status === 'starting') options.onChange('on', server);
      });
      const isUp = () => {
        if (server.status === 'starting') server.status = 'running';
      };
      act('start_after_create', server, bootMs, isUp, started + create);
      return { server, action };
    },

    deleteServer(server: FakeMachine): FakeAction {
      if (server.isProtected) throw new Refused(403, 'protected', 'server is delete protected');
      refuseLocked(server);
      server.status = 'deleting';
      return act('delete_server', server, options.durations.delete, () => {
        servers.delete(server.id);
        options.onChange('deleted', server);
      });
    },

    powerOn(server: FakeMachine): FakeAction {
      refuseLocked(server);
      return server.status === 'off' ? boot(server) : act('start_server', server, 0);
    },

    powerOff(server: FakeMachine): void {
      server.status = 'off';
      options.onChange('off', server);
    },

    createFirewall(request: Pick<FakeFirewall, 'name'> & Partial<FakeFirewall>): FakeFirewall {
      refuseTaken(firewalls, request.name);
      const { name, labels = {}, rules = [] } = request;
      const firewall = { id: nextId(), name, created: new Date().toISOString(), labels, rules };
      checkRules(rules);
      firewalls.set(firewall.id, firewall);
      return firewall;
    },

    setRules(firewall: FakeFirewall, rules: Record<string, unknown>[]): FakeAction {
      checkRules(rules);
      firewall.rules = rules;
      return act('set_firewall_rules', firewall, 0);
    },
  };
}

export type Project = ReturnType<typeof createProject>;

function toMachine(id: number, request: ServerRequest): FakeMachine {
  return {
    id,
    name: request.name,
    status: 'initializing',
    created: new Date().toISOString(),
    labels: request.labels ?? {},
    userData: request.user_data ?? '',
    serverType: request.server_type,
    location: request.location ?? 'fsn1',
    image: request.image,
    firewalls: (request.firewalls ?? []).map(({ firewall }) => firewall),
    ip: `192.0.2.${id % 256}`,
    isProtected: false,
    isLocked: false,
  };
}

/** What a description cannot say. */
function check(
  request: ServerRequest,
  servers: Map<number, FakeMachine>,
  firewalls: Map<number, FakeFirewall>,
  maxServers: number,
): void {
  const invalid = (message: string) => new Refused(422, 'invalid_input', message);
  const labels = request.name.split('.');
  if (!labels.every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(label)))
    throw invalid("invalid input in field 'name'");
  if (Buffer.byteLength(request.user_data ?? '') > 32 * 1024)
    throw invalid("invalid input in field 'user_data': too long");
  if (!SERVER_TYPES[request.server_type]) throw invalid('server type not found');
  if (!IMAGES.includes(request.image)) throw invalid('image not found');
  if (request.location !== undefined && !LOCATIONS.includes(request.location))
    throw invalid('location not found');
  if ((request.ssh_keys ?? []).length > 0) throw invalid('SSH key not found');
  checkLabelKeys(request.labels ?? {});
  for (const { firewall } of request.firewalls ?? [])
    if (!firewalls.has(firewall))
      throw new Refused(404, 'not_found', `firewall with ID ${firewall} not found`);
  refuseTaken(servers, request.name);
  if (servers.size >= maxServers) throw new Refused(403, 'resource_limit_exceeded', 'server limit exceeded');
}

function checkLabelKeys(labels: Record<string, string>): void {
  for (const key of Object.keys(labels))
    if (!/^[a-z0-9A-Z]([a-z0-9A-Z._-]{0,61}[a-z0-9A-Z])?$/.test(key))
      throw new Refused(422, 'invalid_input', "invalid input in field 'labels'");
}

function refuseTaken(things: Map<number, { name: string }>, name: string): void {
  if ([...things.values()].some((one) => one.name.toLowerCase() === name.toLowerCase()))
    throw new Refused(409, 'uniqueness_error', 'name is already used');
}

function checkRules(rules: Record<string, unknown>[]): void {
  for (const rule of rules) {
    const sources = (rule['source_ips'] ?? []) as string[];
    if (rule['direction'] === 'in' && sources.length === 0)
      throw new Refused(422, 'invalid_input', "invalid input in field 'rules': no source_ips");
    if (sources.length > 100 || !sources.every((one) => /^[0-9a-f.:]+\/\d{1,3}$/.test(one)))
      throw new Refused(422, 'invalid_input', "invalid input in field 'rules'");
    if (['tcp', 'udp'].includes(String(rule['protocol'])) && typeof rule['port'] !== 'string')
      throw new Refused(422, 'invalid_input', "invalid input in field 'rules': port");
  }
}
