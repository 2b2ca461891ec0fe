// What a handler of one API operation gets and gives. Knows no operation.
import type { Caller } from '../callers.ts';
import type { Git } from '../git.ts';
import type { Hooks } from '../hooks.ts';
import { notFound } from '../refusal.ts';
import {
  type Account,
  type Json,
  type Label,
  type Repository,
  type Thread,
  type World,
  findThread,
} from '../model.ts';

export interface Call {
  world: World;
  git: Git;
  hooks: Hooks;
  caller: Caller;
  params: Record<string, string>;
  query: Record<string, string>;
  body: Json;
  /** The URL that was asked for, for links to its further pages. */
  url: URL;
  /** Only where the path names one: it is there, and the caller may. */
  repository: Repository;
}

export interface Reply {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

export type Handler = (call: Call) => Reply | Promise<Reply>;
export type Handlers = Record<string, Handler>;

/** A property that the description says is a string. */
export function textIn(body: Json, name: string): string | undefined {
  const value = body[name];
  return typeof value === 'string' ? value : undefined;
}

export const ok = (body: unknown): Reply => ({ status: 200, body });
export const created = (body: unknown): Reply => ({ status: 201, body });
export const noContent = (): Reply => ({ status: 204 });

/** Whoever acts: a person by their token, else the App's bot. */
export function actor({ caller, world }: Call): Account {
  return caller.kind === 'user' ? caller.account : world.bot;
}

export function getThread({ world, repository, params }: Call): Thread {
  const number = Number(params['issue_number'] ?? params['pull_number']);
  const thread = findThread(world, repository, number);
  if (!thread || (params['pull_number'] && thread.kind !== 'pull')) throw notFound();
  return thread;
}

/** One page of a list, with the links to the others. `wrap`: how the page is embedded in the answer. */
export function paged<T>(
  call: Call,
  items: T[],
  show: (item: T) => unknown,
  wrap?: (page: unknown[]) => Json,
): Reply {
  const size = Math.min(100, Math.max(1, Number(call.query['per_page'] ?? 30)));
  const page = Math.max(1, Number(call.query['page'] ?? 1));
  const last = Math.max(1, Math.ceil(items.length / size));
  const shown = items.slice((page - 1) * size, page * size).map(show);
  const link = (number: number, rel: string) => {
    const url = new URL(call.url);
    url.searchParams.set('page', String(number));
    return `<${url.href}>; rel="${rel}"`;
  };
  const before = page > 1 ? [link(page - 1, 'prev'), link(1, 'first')] : [];
  const after = page < last ? [link(page + 1, 'next'), link(last, 'last')] : [];
  const links = [...before, ...after];
  const body = wrap ? wrap(shown) : shown;
  return { status: 200, body, headers: links.length > 0 ? { link: links.join(', ') } : {} };
}

export function findLabel(repository: Repository, name: string): Label | undefined {
  return repository.labels.find((label) => label.name.toLowerCase() === name.toLowerCase());
}

/** Labels that an issue gets spring up in the repository, as on GitHub. */
export function ensureLabel(world: World, repository: Repository, name: string): Label {
  const known = findLabel(repository, name);
  if (known) return known;
  const label: Label = { id: world.nextId(), name, color: 'ededed', description: null };
  repository.labels.push(label);
  return label;
}
