// Checks requests and answers against GitHub's published description; request schemas are closed. Knows no state.
import { readFile } from 'node:fs/promises';
import { OpenAPIBackend, type Document, type Operation } from 'openapi-backend';
import { morePaths, moreSchemas } from './description-more.ts';
import type { Json } from './model.ts';

export interface Schema {
  $ref?: string;
  type?: string;
  format?: string;
  nullable?: boolean;
  enum?: unknown[];
  minLength?: number;
  properties?: Record<string, Schema>;
  additionalProperties?: unknown;
  required?: string[];
  items?: Schema;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
}

export interface HttpRequest {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: Record<string, string>;
  body: string;
}

export interface Description {
  /** Undefined: GitHub has no such operation. */
  match: (method: string, path: string) => { id: string; path: string } | undefined;
  /** What is wrong with a request; empty when nothing is. `inPath`: only the path is, which GitHub calls not found. */
  faults: (request: HttpRequest, operation: string) => { inPath: boolean; details: string[] };
  params: (request: HttpRequest, operation: string) => Record<string, string>;
  /** The schema of an answer, if it has a body. */
  answerSchema: (operation: string, status: number) => Schema | undefined;
  /** What is wrong with an answer of ours. */
  answerFaults: (operation: string, status: number, body: unknown) => string[];
  resolve: (schema: Schema) => Schema;
}

interface Doc {
  paths: Record<string, Record<string, Json>>;
  components: { schemas: Record<string, Schema> };
}

const formats = {
  // GitHub itself says '' where it has no address.
  uri: (text: string) => text === '' || URL.canParse(text),
  email: /@/,
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
};

/** Statuses that any call may get, said or not said in its description. */
const anywhere = new Set([301, 307, 401, 403, 404, 410, 422, 429, 500, 502, 503]);

export async function readDescription(): Promise<Description> {
  const file = new URL('../openapi/github.json', import.meta.url);
  const doc = JSON.parse(await readFile(file, 'utf8')) as Doc;
  // Copies that share nothing: the reader of references trips over an object that it meets twice.
  Object.assign(doc.paths, JSON.parse(JSON.stringify(morePaths)));
  Object.assign(doc.components.schemas, JSON.parse(JSON.stringify(moreSchemas)));
  allowNull(doc);
  closeRequests(doc);
  const backend = new OpenAPIBackend({
    definition: doc as unknown as Document,
    apiRoot: '/api/v3',
    quick: true,
    ajvOpts: { formats },
  });
  await backend.init();
  const resolve = (schema: Schema) => (schema.$ref ? lookUp(doc, schema.$ref) : schema);
  const operationOf = (id: string) => backend.getOperation(id) as Operation;
  return {
    match(method, path) {
      const found = backend.matchOperation({ method, path, headers: {} });
      return found && { id: String(found.operationId), path: found.path };
    },
    faults(request, id) {
      const { errors } = backend.validateRequest(asBackendWants(request), id);
      const details = (errors ?? []).map(
        (fault) => `${fault.instancePath || '/'} ${fault.message} ${JSON.stringify(fault.params)}`,
      );
      return { inPath: details.length > 0 && details.every((one) => one.startsWith('/path/')), details };
    },
    params: (request, id) =>
      backend.router.parseRequest(asBackendWants(request), operationOf(id)).params as Record<string, string>,
    answerSchema: (id, status) => schemaOf(doc, operationOf(id), status),
    answerFaults(id, status, body) {
      const described = (operationOf(id).responses as Json)[status] !== undefined;
      if (!described) return anywhere.has(status) ? [] : [`${id} never answers ${status}`];
      const { errors } = backend.validateResponse(body, id, status);
      return (errors ?? []).map((fault) => `${id} ${status}: ${fault.instancePath} ${fault.message}`);
    },
    resolve,
  };
}

function asBackendWants(request: HttpRequest) {
  return { ...request, ...(request.body === '' && { body: undefined }) };
}

function lookUp(doc: Doc, reference: string): Schema {
  const steps = reference.split('/').slice(1);
  return steps.reduce<unknown>((at, step) => (at as Json)[step], doc) as Schema;
}

function schemaOf(doc: Doc, operation: Operation, status: number): Schema | undefined {
  let response = (operation.responses as Record<string, Json>)[status];
  const reference = response?.['$ref'];
  if (typeof reference === 'string') response = lookUp(doc, reference) as Json;
  const content = response?.['content'] as Record<string, { schema: Schema }> | undefined;
  return content?.['application/json']?.schema;
}

/** Says `nullable` in the way that the validator reads: as a type, or as one more choice; and null among the choices. */
function allowNull(part: unknown): void {
  if (typeof part !== 'object' || part === null) return;
  for (const inner of Object.values(part)) allowNull(inner);
  const schema = part as Schema;
  if (schema.nullable !== true) return;
  if (schema.enum && !schema.enum.includes(null)) schema.enum.push(null);
  if (schema.type !== undefined) return;
  const { nullable: _, ...rest } = schema;
  for (const name of Object.keys(schema)) delete (schema as Json)[name];
  schema.anyOf = [rest, { enum: [null] }];
}

/** The description leaves its objects open; a misspelt property would pass. */
function closeRequests(doc: Doc): void {
  for (const operations of Object.values(doc.paths)) {
    for (const operation of Object.values(operations)) {
      const body = operation['requestBody'] as { content?: Record<string, { schema: Schema }> } | undefined;
      for (const { schema } of Object.values(body?.content ?? {})) close(schema, doc, new Set());
    }
  }
}

function close(schema: Schema | undefined, doc: Doc, seen: Set<Schema>): void {
  if (!schema || seen.has(schema)) return;
  seen.add(schema);
  if (schema.$ref) return close(lookUp(doc, schema.$ref), doc, seen);
  if (schema.type === 'object' && schema.properties) schema.additionalProperties ??= false;
  for (const part of Object.values(schema.properties ?? {})) close(part, doc, seen);
  for (const part of [...(schema.oneOf ?? []), ...(schema.anyOf ?? [])]) close(part, doc, seen);
  close(schema.items, doc, seen);
}
