// What Slack says of forms and of the App Home: that one is wanted, what was filled in, what is typed into a search. Pure.
import { z } from 'zod';
import { Id, Trigger, Whose } from '../shapes.ts';

/** Somebody chose our entry in the menu of a message. */
export const Shortcut = z.object({
  type: z.literal('message_action'),
  callback_id: z.literal('start_workspace'),
  ...Whose,
  channel: z.object({ id: Id }),
  message: z.object({ text: z.string().optional(), ts: z.string(), thread_ts: z.string().optional() }),
  response_url: z.string().optional(),
  trigger_id: Trigger,
});

const Value = z.object({
  value: z.string().nullish(),
  selected_option: z.object({ value: z.string() }).nullish(),
});

/** A form was filled in. */
export const Submitted = z.object({
  type: z.literal('view_submission'),
  ...Whose,
  view: z.object({
    id: Id,
    app_installed_team_id: Id.nullish(),
    callback_id: z.enum(['new', 'rename', 'rm']),
    private_metadata: z.string(),
    state: z.object({ values: z.record(z.string(), z.record(z.string(), Value)) }).nullish(),
  }),
});

/** Somebody types into a search. */
export const Typing = z.object({
  type: z.literal('block_suggestion'),
  ...Whose,
  action_id: z.literal('repository'),
  value: z.string().default(''),
});

export const HomeOpened = z.object({
  type: z.literal('event_callback'),
  team_id: Id,
  enterprise_id: Id.nullish(),
  event: z.object({ type: z.literal('app_home_opened'), user: Id, tab: z.string().optional() }),
});

/** What our forms carry through Slack. */
const Metadata = z.object({
  channel: z.string(),
  threadTs: z.string().optional(),
  id: z.string().optional(),
  force: z.boolean().optional(),
});

/** A form that somebody wants to see. */
export interface FormRequest {
  about: 'new' | 'rename' | 'rm';
  trigger: string;
  team: string;
  home: string;
  user: string;
  name?: string | undefined;
  /** Where the card goes: a channel, or the person. */
  channel: string;
  threadTs?: string | undefined;
  /** Which workspace; of a new one there is none. */
  id?: string | undefined;
  /** What the message named. */
  named?: Named | undefined;
}

/** A field, and the command as far as this field: what is wrong with that is wrong here. */
export interface Field {
  block: string;
  line: string;
}

export interface Filled {
  channel: string;
  threadTs?: string | undefined;
  /** In the order in which they are checked; the last line is the command. */
  fields: [Field, ...Field[]];
}

/** The command that a filled form says. Undefined: it is none of ours. */
export function readFilled({ view }: z.infer<typeof Submitted>): Filled | undefined {
  const metadata = Metadata.safeParse(toJson(view.private_metadata)).data;
  if (!metadata) return undefined;
  const { channel, threadTs, id = '', force } = metadata;
  const value = (block: string): string => {
    const given = view.state?.values[block]?.[block];
    return quotable(given?.selected_option?.value ?? given?.value ?? '');
  };
  return { channel, threadTs, fields: fieldsOf(view.callback_id, value, { id: quotable(id), force }) };
}

function fieldsOf(
  name: 'new' | 'rename' | 'rm',
  value: (block: string) => string,
  { id, force }: { id: string; force: boolean | undefined },
): Filled['fields'] {
  if (name === 'rename') return [{ block: 'name', line: `rename ${id} "${value('name')}"` }];
  if (name === 'rm') return [{ block: 'name', line: `rm ${id}${force ? ' --force' : ''}` }];
  const [branch, size, config] = [value('branch'), value('size'), value('config')];
  const start = `up "${value('repository')}"`;
  const withBranch = branch ? `${start} --ref "${branch}"` : start;
  const withSize = size ? `${withBranch} --size "${size}"` : withBranch;
  return [
    { block: 'repository', line: start },
    { block: 'branch', line: withBranch },
    { block: 'size', line: withSize },
    { block: 'config', line: config ? `${withSize} --config "${config}"` : withSize },
  ];
}

/** As one word between quotes: nothing in it may end them, or begin another line. */
const quotable = (text: string): string =>
  text
    .replaceAll(/[\s\0]+/g, ' ')
    .replaceAll(/["\\“”„]/g, '')
    .trim()
    .slice(0, 200)
    .toWellFormed();

function toJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export interface Named {
  /** By an address, in a code span, or with a number: `acme/api`, `acme/api#412`. */
  repository?: string;
  /** Words that look like one: `acme/api`, and `and/or` too. */
  maybe: string[];
}

const NAME = String.raw`([A-Za-z\d][\w-]*\/[\w.-]*\w)`;
const ADDRESS = new RegExp(
  String.raw`https?:\/\/[^\s/<>|]+\/${NAME}(?:\/(?:pull|issues)\/(\d{1,6}))?(?=[\s/<>|?#),]|$)`,
);
const SURE = new RegExp(String.raw`(?:^|[\s(])${NAME}#(\d{1,6})(?!\w)|${'`'}${NAME}(?:#(\d{1,6}))?${'`'}`);
const WORDS = new RegExp(String.raw`(?<=^|[\s(])${NAME}(?=[\s),.;:!?]|$)`, 'g');
const MAX_WORDS = 3;

/** The repositories that a message names. */
export function findNamed(text: string): Named {
  const [, byAddress, addressNumber] = ADDRESS.exec(text) ?? [];
  const [, numbered, number, spanned, spannedNumber] = SURE.exec(text) ?? [];
  const name = byAddress?.replace(/\.git$/, '') ?? numbered ?? spanned;
  const suffix = byAddress ? addressNumber : (number ?? spannedNumber);
  const maybe = [...text.matchAll(WORDS)].map(([word]) => word).slice(0, MAX_WORDS);
  return { maybe, ...(name ? { repository: `${name}${suffix ? `#${suffix}` : ''}` } : {}) };
}
