// A Cloudflare with memory: one zone's records, certificates for origins, and the networks of the edge. A real HTTP
// server, strict about the few operations that it knows. By hand: the vendor's description is too large for six.
import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { z } from 'zod';
import { startFake, type FakeAnswer, type FakeRequest } from '../server.ts';
import { createAuthority } from './origin-ca.ts';

export interface FakeRecord {
  id: string;
  type: string;
  name: string;
  content: string;
  proxied: boolean;
  comment: string | null;
  created: Date;
}

export interface FakeCloudflareOptions {
  token?: string;
  zoneId?: string;
  zone?: string;
  /** Pages that never end: each is full, whatever was asked. */
  isEndless?: boolean;
}

export type FakeCloudflare = Awaited<ReturnType<typeof startFakeCloudflare>>;

const ROOT = '/client/v4';

/** What the API takes, and nothing else. */
const recordBody = z.strictObject({
  type: z.enum(['A', 'AAAA', 'CNAME', 'TXT']),
  name: z.string().min(1).max(255),
  content: z.string().min(1),
  ttl: z.union([z.literal(1), z.int().min(60).max(86_400)]),
  proxied: z.boolean().optional(),
  // The plan that costs nothing.
  comment: z.string().max(100).optional(),
});
const certificateBody = z.strictObject({
  csr: z.string(),
  hostnames: z.array(z.string()).min(1),
  request_type: z.enum(['origin-rsa', 'origin-ecc', 'keyless-certificate']),
  requested_validity: z.union([7, 30, 90, 365, 730, 1095, 5475].map((days) => z.literal(days))).optional(),
});
const listQuery = z.strictObject({
  page: z.coerce.number().int().min(1).default(1),
  per_page: z.coerce.number().int().min(5).max(5_000_000).default(100),
  type: z.string().optional(),
  'name.exact': z.string().optional(),
  'name.endswith': z.string().optional(),
  'comment.contains': z.string().optional(),
});

class Refused extends Error {
  readonly answer: FakeAnswer;
  constructor(status: number, code: number, message: string) {
    super(message);
    this.answer = {
      status,
      body: { success: false, errors: [{ code, message }], messages: [], result: null },
    };
  }
}

interface State {
  zone: string;
  isEndless: boolean;
  records: Map<string, FakeRecord>;
  certificates: { id: string; hostnames: string[]; certificate: string }[];
  networks: { ipv4_cidrs: string[]; ipv6_cidrs: string[]; etag: string };
  authority: ReturnType<typeof createAuthority>;
}

export async function startFakeCloudflare({
  token = 'canary-cloudflare-token',
  zoneId = 'a'.repeat(32),
  zone = 'sam.example',
  isEndless = false,
}: FakeCloudflareOptions = {}) {
  const state: State = {
    zone,
    isEndless,
    records: new Map(),
    certificates: [],
    networks: { ipv4_cidrs: ['198.51.0.0/16'], ipv6_cidrs: ['2001:db8::/32'], etag: 'e' },
    authority: createAuthority(),
  };

  function answer(request: FakeRequest): FakeAnswer {
    try {
      if (request.headers['authorization'] !== `Bearer ${token}`)
        throw new Refused(401, 10_000, 'Authentication error');
      return perform(state, zoneId, request);
    } catch (error) {
      if (error instanceof Refused) return error.answer;
      throw error;
    }
  }

  const server = await startFake(answer);
  return {
    ...server,
    baseUrl: `${server.url}${ROOT}`,
    token,
    zoneId,
    zone,
    networks: state.networks,
    certificates: state.certificates,
    /** PEM, of the edge's authority for origins. */
    authority: state.authority.certificate,
    records: (): FakeRecord[] => [...state.records.values()],
    /** As somebody else would, or as a race between two calls does: nothing is checked. */
    insert: (record: Partial<FakeRecord> & Pick<FakeRecord, 'name'>): FakeRecord => insert(state, record),
  };
}

function perform(state: State, zoneId: string, request: FakeRequest): FakeAnswer {
  const { method } = request;
  const path = request.path.slice(ROOT.length);
  if (!request.path.startsWith(`${ROOT}/`)) throw new Refused(404, 7_000, 'No route for that URI');
  if (method === 'GET' && path === '/ips') return ok(state.networks);
  if (method === 'POST' && path === '/certificates') return ok(issue(state, read(request, certificateBody)));
  const [, zone, id] = /^\/zones\/([^/]+)\/dns_records(?:\/([^/]+))?$/.exec(path) ?? [];
  if (zone === undefined) throw new Refused(404, 7_000, 'No route for that URI');
  if (zone !== zoneId) throw new Refused(403, 9_109, 'Unauthorized to access requested resource');
  switch (`${method} ${id === undefined ? 'all' : 'one'}`) {
    case 'GET all':
      return list(state, query(request));
    case 'POST all':
      return ok(show(create(state, read(request, recordBody))));
    case 'GET one':
      return ok(show(recordOf(state, id)));
    case 'DELETE one':
      state.records.delete(recordOf(state, id).id);
      return ok({ id });
    default:
      throw new Refused(405, 10_405, 'Method not allowed for this authentication scheme');
  }
}

const ok = (result: unknown, info?: object): FakeAnswer => ({
  status: 200,
  body: { success: true, errors: [], messages: [], result, ...(info && { result_info: info }) },
});

function read<T>({ body, headers }: FakeRequest, shape: z.ZodType<T>): T {
  if (!String(headers['content-type']).startsWith('application/json'))
    throw new Refused(400, 6_003, 'Invalid request headers');
  const parsed = shape.safeParse(JSON.parse(body));
  if (parsed.success) return parsed.data;
  throw new Refused(400, 9_000, `DNS validation error: ${z.prettifyError(parsed.error)}`);
}

function query(request: FakeRequest): z.infer<typeof listQuery> {
  const parsed = listQuery.safeParse(request.query);
  if (parsed.success) return parsed.data;
  throw new Refused(400, 9_000, `unknown or bad parameter: ${z.prettifyError(parsed.error)}`);
}

function recordOf({ records }: State, id: string | undefined): FakeRecord {
  const record = records.get(id ?? '');
  if (!record) throw new Refused(404, 81_044, 'Record does not exist.');
  return record;
}

function create(state: State, body: z.infer<typeof recordBody>): FakeRecord {
  const given = body.name.toLowerCase();
  const isInZone = given === state.zone || given.endsWith(`.${state.zone}`);
  // What is no name of the zone is taken for one below it, and not refused.
  const name = isInZone ? given : `${given}.${state.zone}`;
  const family = { A: 4, AAAA: 6 }[body.type as string];
  if (family && isIP(body.content) !== family)
    throw new Refused(400, 9_005, `Content for ${body.type} record must be a valid address.`);
  const same = [...state.records.values()].filter((one) => one.name === name);
  if (same.some(({ type, content }) => type === body.type && content === body.content))
    throw new Refused(400, 81_058, 'An identical record already exists.');
  if (same.some(({ type }) => (type === 'CNAME') !== (body.type === 'CNAME')))
    throw new Refused(400, 81_053, 'An A, AAAA, or CNAME record with that host already exists.');
  const { type, content, proxied = false, comment = null } = body;
  return insert(state, { type, name, content, proxied, comment });
}

function insert(state: State, record: Partial<FakeRecord> & Pick<FakeRecord, 'name'>): FakeRecord {
  const made = {
    type: 'A',
    content: '192.0.2.1',
    proxied: false,
    comment: null,
    // Each a second after the one before, as far as anybody can see.
    created: new Date(Date.UTC(2026, 0, 1) + state.records.size * 1_000),
    ...record,
    id: record.id ?? randomBytes(16).toString('hex'),
  };
  state.records.set(made.id, made);
  return made;
}

const show = ({ created, ...record }: FakeRecord) => ({
  ...record,
  proxiable: true,
  ttl: 1,
  settings: {},
  meta: {},
  tags: [],
  created_on: created.toISOString(),
  modified_on: created.toISOString(),
});

/** A page beyond the last is empty. */
function list(state: State, asked: z.infer<typeof listQuery>): FakeAnswer {
  const { page, per_page: size } = asked;
  const contains = asked['comment.contains']?.toLowerCase();
  const found = [...state.records.values()]
    .filter(({ name }) => asked['name.exact'] === undefined || name === asked['name.exact'].toLowerCase())
    .filter(({ name }) => name.endsWith(asked['name.endswith']?.toLowerCase() ?? ''))
    .filter(({ type }) => asked.type === undefined || type === asked.type)
    .filter(({ comment }) => contains === undefined || (comment ?? '').toLowerCase().includes(contains));
  const shown = state.isEndless ? found.slice(0, size) : found.slice((page - 1) * size, page * size);
  const pages = state.isEndless ? page + 1 : Math.ceil(found.length / size);
  return ok(shown.map(show), {
    page,
    per_page: size,
    count: shown.length,
    total_count: found.length,
    total_pages: pages,
  });
}

function issue(state: State, body: z.infer<typeof certificateBody>) {
  const isInZone = (host: string) => host === state.zone || host.endsWith(`.${state.zone}`);
  if (!body.hostnames.every(isInZone)) throw new Refused(400, 1_010, 'Failed to validate requested hostname');
  const days = body.requested_validity ?? 5_475;
  try {
    const { serial, pem, expiresAt } = state.authority.issue(body.csr, body.hostnames, days, new Date());
    const [day = '', time = ''] = expiresAt.toISOString().split(/[T.]/);
    const issued = { ...body, id: serial, certificate: pem, expires_on: `${day} ${time} +0000 UTC` };
    state.certificates.push(issued);
    return issued;
  } catch {
    throw new Refused(400, 1_001, 'The CSR could not be decoded');
  }
}
