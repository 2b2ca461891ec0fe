// Fills an answer up with what GitHub always sends and nobody here reads, after its schema. Knows no state.
import type { Description, Schema } from './description.ts';
import type { Json } from './model.ts';

const filler = { uri: 'https://docs.github.com/rest', 'date-time': '2026-01-01T00:00:00Z' } as const;

/** What is there stays as it is, right or wrong; only missing required properties are added. */
export function complete(value: unknown, schema: Schema | undefined, description: Description): unknown {
  if (!schema) return value;
  const shape = pick(value, description.resolve(schema), description);
  if (value === undefined) return invent(shape, description);
  if (Array.isArray(value)) return value.map((one) => complete(one, shape.items, description));
  if (value === null || typeof value !== 'object') return value;
  return completeObject(value as Json, shape, description);
}

function completeObject(value: Json, shape: Schema, description: Description): Json {
  const done: Json = { ...value };
  for (const part of shape.allOf ?? []) Object.assign(done, complete(done, part, description));
  for (const [name, schema] of Object.entries(shape.properties ?? {})) {
    if (done[name] === undefined && !shape.required?.includes(name)) continue;
    done[name] = complete(done[name], schema, description);
  }
  return done;
}

function invent(shape: Schema, description: Description): unknown {
  if (shape.nullable === true) return null;
  if (shape.enum) return shape.enum[0];
  switch (shape.type) {
    case 'string':
      if (shape.format === 'uri' || shape.format === 'date-time') return filler[shape.format];
      return '0'.repeat(shape.minLength ?? 0);
    case 'integer':
    case 'number':
      return 0;
    case 'boolean':
      return false;
    case 'array':
      return [];
    default:
      return completeObject({}, shape, description);
  }
}

/** Of several shapes the one the value seems to be meant for. */
function pick(value: unknown, shape: Schema, description: Description): Schema {
  const choices = (shape.oneOf ?? shape.anyOf)?.map(description.resolve);
  if (!choices || shape.properties) return shape;
  const nothing = choices.find((choice) => choice.enum?.[0] === null);
  if (nothing && (value === undefined || value === null)) return nothing;
  const found = choices.find((choice) => fits(value, choice)) ?? choices[0] ?? shape;
  return found.oneOf || found.anyOf ? pick(value, found, description) : found;
}

function fits(value: unknown, choice: Schema): boolean {
  if (Array.isArray(value)) return choice.type === 'array';
  if (typeof value !== 'object' || value === null) return choice.type === typeof value;
  const own = value as Json;
  return Object.entries(choice.properties ?? {}).every(
    ([name, { enum: allowed }]) => !allowed || own[name] === undefined || allowed.includes(own[name]),
  );
}
