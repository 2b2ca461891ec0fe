// The description of all that programs may ask, made from the operations and the schemas that check them. Pure.
import { z } from 'zod';
import { sessionCookieName } from '../../access/people/sessions.ts';
import type { Operation } from './operation.ts';
import { ErrorBody, schemas } from './schemas.ts';

type Json = Record<string, unknown>;

const MEANINGS: Record<number, string> = {
  200: 'As it is now.',
  201: 'Made.',
  202: 'Taken; it goes on by itself.',
  204: 'Gone.',
  304: 'As it was: its `ETag` is the one of `If-None-Match`.',
  400: 'Something of the request is missing, unknown or wrong: `fields` names it.',
  401: 'Nobody knows who asks.',
  403: 'The scope or the right for it is missing.',
  404: 'It is not there, or not yours.',
  408: 'The body came too slowly.',
  409: 'Not as things stand; the message says what stands in the way, and what would be lost.',
  413: 'The body is too large.',
  415: 'The body is no JSON.',
  422: 'The Idempotency-Key was sent before, with something else.',
  429: 'Too often; `Retry-After` says when.',
  500: 'Something broke on our side.',
  503: 'Not now; `Retry-After` says when.',
};

/** Whatever is asked. */
const ALWAYS = [400, 500, 503];
const WITH_BODY = [408, 413, 415];

export function describeApi(operations: readonly Operation[], server: string): Json {
  const paths: Record<string, Json> = {};
  for (const operation of operations) {
    const path = operation.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: describe(operation) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sam',
      version: '1',
      description:
        'All that chat can do with workspaces, for programs. Errors are `{error, message, fields?}`.',
    },
    servers: [{ url: server }],
    paths,
    components: {
      schemas: describeSchemas(),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'A personal token: `sam_pat_…`.' },
        browser: {
          type: 'apiKey',
          in: 'cookie',
          name: sessionCookieName(server),
          description: 'A browser that is signed in.',
        },
      },
    },
  };
}

function describe(operation: Operation): Json {
  const { id, method, summary, body, answers, refusals } = operation;
  const isForNobody = operation.for === 'nobody';
  const isChange = method !== 'GET';
  const statuses = [
    ...ALWAYS,
    ...(isForNobody ? [] : [401, 403, 429]),
    ...(isChange ? WITH_BODY : []),
    ...refusals,
  ];
  return {
    operationId: id,
    summary,
    security: securityOf(operation),
    parameters: parametersOf(operation),
    ...(body && { requestBody: { required: !body.safeParse({}).success, content: contentOf(body) } }),
    responses: {
      [answers.status]: responseOf(answers.status, answers.schema, {
        ...(operation.stream && STREAM),
        ...(operation.lines && LINES),
      }),
      ...(method === 'GET' && { 304: responseOf(304, undefined) }),
      ...Object.fromEntries(statuses.map((status) => [status, responseOf(status, ErrorBody)])),
    },
  };
}

function securityOf({ for: whom }: Operation): Json[] {
  if (whom === 'nobody') return [];
  return whom === 'browser' ? [{ browser: [] }] : [{ token: [] }, { browser: [] }];
}

const responseOf = (status: number, schema: z.ZodType | undefined, others: Json = {}): Json => ({
  description: MEANINGS[status] ?? '',
  ...(schema && { content: { ...contentOf(schema), ...others } }),
});

/** Each event's data is one of the list's items. */
const STREAM: Json = { 'text/event-stream': { schema: { type: 'string' } } };

/** Each line is one of the list's items. */
const LINES: Json = { 'application/x-ndjson': { schema: { type: 'string' } } };

const contentOf = (schema: z.ZodType): Json => ({
  'application/json': { schema: { $ref: uriOf(schemas.get(schema)?.id ?? '') } },
});

function parametersOf({ path, query, method, stream }: Operation): Json[] {
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const { properties = {} } = query ? z.toJSONSchema(query) : {};
  const inQuery = Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: false,
    schema,
  }));
  const key = {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    description: 'The same key with the same body within 24 hours is the same answer.',
    schema: { type: 'string', minLength: 1, maxLength: 200 },
  };
  const known = {
    name: 'If-None-Match',
    in: 'header',
    required: false,
    description: 'The `ETag` of an answer that is known: the same one is not sent again.',
    schema: { type: 'string' },
  };
  const last = {
    name: 'Last-Event-ID',
    in: 'header',
    required: false,
    description: 'Of a stream: only what came after this event.',
    schema: { type: 'string' },
  };
  const own = method === 'POST' ? [key] : method === 'GET' ? [known] : [];
  return [...inPath, ...inQuery, ...own, ...(stream ? [last] : [])];
}

const uriOf = (id: string): string => `#/components/schemas/${id}`;

function describeSchemas(): Json {
  const all = z.toJSONSchema(schemas, { uri: uriOf }).schemas;
  // Their place in the description says what these two would.
  const isNeeded = ([name]: [string, unknown]): boolean => name !== '$schema' && name !== '$id';
  const plain = (schema: object): Json => Object.fromEntries(Object.entries(schema).filter(isNeeded));
  return Object.fromEntries(Object.entries(all).map(([id, schema]) => [id, plain(schema)]));
}
