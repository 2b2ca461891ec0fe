// Hetzner's description, and whether a request or an answer fits it. Knows no state.
import { readFile } from 'node:fs/promises';
import { OpenAPIBackend, type Document } from 'openapi-backend';
import type { FakeRequest } from '../server.ts';

interface Schema {
  $ref?: string;
  type?: string;
  nullable?: boolean;
  properties?: Record<string, Schema>;
  additionalProperties?: unknown;
  items?: Schema;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
}

interface Description {
  paths: Record<string, Record<string, { requestBody?: { content: Record<string, { schema: Schema }> } }>>;
  components: { schemas: Record<string, Schema> };
}

export interface Verdict {
  /** `undefined`: there is no such operation. */
  operation: string | undefined;
  query: Record<string, unknown>;
  params: Record<string, string>;
  problem: string | undefined;
}

export async function loadDescription(root: string) {
  const file = new URL('../openapi/hetzner.json', import.meta.url);
  const description = JSON.parse(await readFile(file, 'utf8')) as Description;
  for (const schema of Object.values(description.components.schemas)) allowNull(schema);
  for (const schema of requestSchemas(description)) close(schema, description, new Set());
  // It says strings; Hetzner takes ids as well.
  const { ssh_keys: keys } = description.components.schemas['create_server_request']?.properties ?? {};
  if (keys) keys.items = { anyOf: [{ type: 'string' }, { type: 'integer' }] };
  const api = new OpenAPIBackend({
    definition: description as unknown as Document,
    apiRoot: root,
    quick: true,
    coerceTypes: true,
    ajvOpts: { logger: false, strict: false },
  });
  await api.init();

  return {
    check(request: FakeRequest): Verdict {
      const { method, path, query, body } = request;
      const headers = { 'content-type': String(request.headers['content-type'] ?? '') };
      const asked = { method, path, query, headers, ...(body && { body: parse(body) }) };
      const operation = api.matchOperation(asked);
      if (!operation?.operationId) return { operation: undefined, query: {}, params: {}, problem: undefined };
      const { params } = api.router.parseRequest(asked, operation);
      const unknown = Object.keys(query).find((name) => !hasParameter(operation.parameters ?? [], name));
      const { errors, coerced } = api.validateRequest(asked, operation);
      return {
        operation: operation.operationId,
        query: (coerced?.query ?? query) as Record<string, unknown>,
        params: params as Record<string, string>,
        problem: unknown ? `unknown parameter ${unknown}` : describe(errors),
      };
    },
    /** What is wrong with an answer of ours, if anything. */
    complain(operation: string, status: number, body: unknown): string | undefined {
      return describe(api.validateResponse(body, operation, status).errors);
    },
  };
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

const hasParameter = (parameters: unknown[], name: string): boolean =>
  parameters.some((one) => (one as { name?: string }).name === name);

const describe = (
  errors: { instancePath?: string; message?: string; params?: unknown }[] | null | undefined,
): string | undefined =>
  errors
    ?.map((error) => `${error.instancePath ?? ''} ${error.message ?? ''} ${JSON.stringify(error.params)}`)
    .join('; ');

function requestSchemas({ paths }: Description): Schema[] {
  return Object.values(paths)
    .flatMap((methods) => Object.values(methods))
    .flatMap(({ requestBody }) => Object.values(requestBody?.content ?? {}).map(({ schema }) => schema));
}

/** No object that a request can hold takes a property that the description does not know. */
function close(schema: Schema, description: Description, seen: Set<Schema>): void {
  if (seen.has(schema)) return;
  seen.add(schema);
  if (schema.$ref) {
    const named = description.components.schemas[schema.$ref.split('/').at(-1) ?? ''];
    return named && close(named, description, seen);
  }
  if (schema.type === 'object' && schema.properties) schema.additionalProperties ??= false;
  for (const part of partsOf(schema)) close(part, description, seen);
}

const partsOf = (schema: Schema): Schema[] => [
  ...Object.values(schema.properties ?? {}),
  ...(schema.items ? [schema.items] : []),
  ...(schema.allOf ?? []),
  ...(schema.anyOf ?? []),
  ...(schema.oneOf ?? []),
];

/** `nullable` beside `allOf` is not JSON Schema: the checker wants to hear it in its own words. */
function allowNull(schema: Schema): void {
  for (const part of partsOf(schema)) allowNull(part);
  if (!schema.nullable || schema.type || !schema.allOf) return;
  schema.anyOf = [{ allOf: schema.allOf }, { type: 'null' }];
  delete schema.allOf;
  delete schema.nullable;
}
