// The answers GitHub gives instead of what was asked for. Knows no state.
import type { Json } from './model.ts';

const documentation_url = 'https://docs.github.com/rest';

/** Thrown by whoever handles a call; the server turns it into the answer. */
export class Refusal extends Error {
  override name = 'Refusal';
  readonly status: number;
  readonly body: Json;
  readonly headers: Record<string, string>;
  constructor(status: number, message: string, more: Json = {}, headers: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.body = { message, documentation_url, status: String(status), ...more };
    this.headers = headers;
  }
}

export const notFound = () => new Refusal(404, 'Not Found');
export const forbidden = (message: string, headers = {}) => new Refusal(403, message, {}, headers);
export const unauthorized = (message = 'Bad credentials') => new Refusal(401, message);

/** 422 with one entry, as GitHub words it. */
export function invalid(resource: string, field: string, code: string, message?: string): Refusal {
  return new Refusal(422, 'Validation Failed', {
    errors: [{ resource, field, code, ...(message && { message }) }],
  });
}

/** 422 for what the description does not allow. */
export function malformed(details: string[]): Refusal {
  return new Refusal(422, `Invalid request.\n\n${details.join('\n')}`);
}
