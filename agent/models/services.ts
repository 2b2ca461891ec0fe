// The services that a workspace may ask models of: which paths, how a key is given to each, what an error looks like there. Pure.
import type { ModelServices } from '../protocol.ts';

export interface Service {
  provider: keyof ModelServices;
  /** The path there, with its query. */
  path: string;
  /** It is an answer of a model, and counts as one. */
  isAnswer: boolean;
  authorize: (key: string) => Record<string, string>;
  /** As the program that asks reads it. */
  error: (kind: string, message: string) => object;
}

interface Kind extends Pick<Service, 'provider' | 'authorize' | 'error'> {
  /** What stands before the paths of the service here. */
  prefix: string;
  paths: { method: 'GET' | 'POST'; path: RegExp; isAnswer: boolean }[];
}

/** All of them, or one by its name; `..` is none: addresses are made simple on their way. */
const MODELS = /^\/v1\/models(\/(?!\.+$)[\w.:-]{1,100})?$/;

const SERVICES: Kind[] = [
  {
    provider: 'anthropic',
    prefix: '',
    paths: [
      { method: 'POST', path: /^\/v1\/messages$/, isAnswer: true },
      { method: 'POST', path: /^\/v1\/messages\/count_tokens$/, isAnswer: false },
      { method: 'GET', path: MODELS, isAnswer: false },
    ],
    authorize: (key) => ({ 'x-api-key': key }),
    error: (type, message) => ({ type: 'error', error: { type, message } }),
  },
  {
    provider: 'openai',
    prefix: '/openai',
    paths: [
      { method: 'POST', path: /^\/v1\/(responses|chat\/completions)$/, isAnswer: true },
      { method: 'GET', path: MODELS, isAnswer: false },
    ],
    authorize: (key) => ({ authorization: `Bearer ${key}` }),
    error: (type, message) => ({ error: { type, message, param: null, code: null } }),
  },
];

const QUERY = /^(\?[\w.=&%~-]{0,500})?$/;

/** Undefined: nothing else is asked through here. */
export function findService(method: string, url: string): Service | undefined {
  const [, path = '', query = ''] = /^([^?]*)(.*)$/s.exec(url) ?? [];
  if (!QUERY.test(query)) return undefined;
  for (const { prefix, paths, ...service } of SERVICES) {
    const there = path.startsWith(prefix) ? path.slice(prefix.length) : '';
    const known = paths.find((one) => one.method === method && one.path.test(there));
    if (known) return { ...service, path: `${there}${query}`, isAnswer: known.isAnswer };
  }
  return undefined;
}

/** Of what nobody knows which service it was for. */
export const plainError = (type: string, message: string): object => ({
  type: 'error',
  error: { type, message },
});
