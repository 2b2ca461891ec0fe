// `.github/sam.yml`: what the people of a repository want of Sam. Read from the default branch only, or whoever opens a
// pull request could change it there. A bad value costs its own key and nothing else. A file
// that cannot be read is not one that is not there: what starts something waits for it.
import type { Logger } from 'pino';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { CODING_AGENTS } from '../../../agent/protocol.ts';
import { messageOf } from '../../errors.ts';
import { defaultPolicy } from '../forge.ts';
import type { GitHubApp, Octokit } from './app.ts';
import { callOr } from './calls.ts';
import { ownerAndName } from './threads.ts';

const FILE = '.github/sam.yml';
const MAX_BYTES = 16 * 1024;
const MINUTE_MS = 60_000;
const UNITS = { m: MINUTE_MS, h: 60 * MINUTE_MS, d: 24 * 60 * MINUTE_MS };

/** YAML 1.2 knows `true` and `false` only; people write both. */
const onOff = z
  .union([z.boolean(), z.enum(['on', 'off'])])
  .transform((value) => value === true || value === 'on');
const span = z
  .string()
  .regex(/^[1-9]\d{0,4}[mhd]$/)
  .transform((text) => Number(text.slice(0, -1)) * UNITS[text.slice(-1) as keyof typeof UNITS])
  .refine((ms) => ms >= 5 * MINUTE_MS && ms <= 30 * UNITS.d);

/** Kinds of tools, and command lines. */
const tools = z.array(z.string().trim().min(1).max(200)).max(50);

/** Each key says what it is for, what it takes, and what holds without it: the documentation is made of this. */
export const settingsShape = z.object({
  label: z
    .string()
    .regex(/^[\w-][\w .-]{0,39}$/)
    .transform((label) => label.trim().toLowerCase())
    .default('sam')
    .meta({
      takes: 'letters, digits, `.`, `_`, `-` and spaces, 40 at most',
      description:
        'The label that makes a workspace; with `:small`, `:medium` or `:large` after it, of that size.',
    }),
  comments: onOff.default(true).meta({
    takes: '`on` or `off`',
    description: 'Whether Sam writes comments: the card and answers. `off`: it only reacts to what is said.',
  }),
  deployments: onOff.default(true).meta({
    takes: '`on` or `off`',
    description: 'Whether pull requests show the newest workspace as a deployment to the environment `sam`.',
  }),
  checks: onOff.default(true).meta({
    takes: '`on` or `off`',
    description:
      'Whether pull requests show it as the check `sam/workspace`, which has buttons and never fails.',
  }),
  size: z.enum(['small', 'medium', 'large']).default('medium').meta({
    takes: '`small`, `medium` or `large`',
    description: 'The size of a new workspace whose command or label says none.',
  }),
  auto_start: onOff.default(false).meta({
    takes: '`on` or `off`',
    description:
      'Whether a pull request gets a workspace when it is opened, or stops being a draft, by somebody who may start one. Never for forks.',
  }),
  idle_time: span.optional().meta({
    takes: 'a time from `5m` to `30d`, like `90m` or `2h`',
    description:
      'After how long without typing a new workspace stops. It can only shorten the `IDLE_TIMEOUT` of the bot.',
  }),
  who: z.enum(['write', 'maintain', 'admin']).default('write').meta({
    takes: '`write`, `maintain` or `admin`',
    description: 'The permission on the repository that it takes to start a workspace.',
  }),
  ask: z
    .strictObject({
      allow: tools.default(defaultPolicy.allow),
      deny: tools.default(defaultPolicy.deny),
      agent: z.enum(CODING_AGENTS).optional(),
    })
    .default(defaultPolicy)
    .meta({
      takes:
        '`allow` and `deny`, lists of kinds of tools (`edit`) and command lines (`npm test`), and `agent`, one of `claude` and `codex`',
      description:
        'What a coding agent may do without asking anybody, and what it may not do at all. What is in neither list asks. `agent`: which one works where nobody names another, for people with a key for it.',
    }),
});

/** `idle_time` in ms. */
export type RepositorySettings = z.infer<typeof settingsShape>;

export interface Reading {
  settings: RepositorySettings;
  /** What is wrong with the file, a sentence each, for people; the rest of it counts. */
  problems: string[];
}

export const defaultSettings: RepositorySettings = settingsShape.parse({});

const isKey = (key: string): key is keyof RepositorySettings => Object.hasOwn(settingsShape.shape, key);

/** Total: whatever the text is, there are settings. */
export function parseRepositorySettings(text: string): Reading {
  const data = readYaml(text);
  if (typeof data === 'string') return { settings: defaultSettings, problems: [data] };
  const problems: string[] = [];
  const good: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(data)) {
    if (!isKey(key)) problems.push(`\`${shorten(key)}\` is no setting; there are ${listKeys()}`);
    else if (settingsShape.shape[key].safeParse(value).success) good[key] = value;
    else
      problems.push(
        `\`${key}\` is \`${shorten(typeof value === 'string' ? value : JSON.stringify(value))}\`, not ${takes(key)}`,
      );
  }
  return { settings: settingsShape.parse(good), problems };
}

/** A map, or what is wrong. Anchors are not expanded: a small file could become a huge one. */
function readYaml(text: string): object | string {
  if (Buffer.byteLength(text) > MAX_BYTES)
    return `it is larger than ${MAX_BYTES / 1024} KiB, so I do not read it`;
  try {
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' });
    const [error] = document.errors;
    if (error)
      return `line ${lines.linePos(error.pos[0]).line} is no YAML (${shorten(error.message.split('\n')[0] ?? '')}), so nothing of it counts`;
    const data: unknown = document.toJS({ maxAliasCount: 0 });
    if (data === null) return {};
    return typeof data === 'object' && !Array.isArray(data)
      ? data
      : 'it is no list of `key: value`, so nothing of it counts';
  } catch {
    return 'it has aliases or is nested too deeply, so I do not read it';
  }
}

const shorten = (text: string): string => (text.length > 40 ? `${text.slice(0, 40).toWellFormed()}…` : text);
const takes = (key: keyof RepositorySettings): string => String(settingsShape.shape[key].meta()?.['takes']);
const listKeys = (): string =>
  Object.keys(settingsShape.shape)
    .map((key) => `\`${key}\``)
    .join(', ');

export interface SettingsReader {
  /** At most `keptMs` old. Where GitHub does not answer: what was last known, or what holds without a file. */
  read(repository: string): Promise<Reading>;
  /** At most `keptMs` old, for what starts or ends something. Throws ProviderError where GitHub does not answer. */
  require(repository: string): Promise<Reading>;
  /** What was read last, without asking. */
  known(repository: string): Reading;
}

const NOTHING_READ: Reading = { settings: defaultSettings, problems: [] };
/** Repositories that are remembered; the oldest goes. */
const MAX_KEPT = 1_000;

export function createSettingsReader({
  app,
  keptMs,
  log,
}: {
  app: Pick<GitHubApp, 'on'>;
  keptMs: number;
  log: Logger;
}): SettingsReader {
  /** `isRead`: it was; else this is what holds until GitHub answers. */
  const kept = new Map<string, { reading: Reading; until: number; isRead: boolean }>();
  const known = (repository: string): Reading => kept.get(repository.toLowerCase())?.reading ?? NOTHING_READ;
  function keep(repository: string, reading: Reading, isRead: boolean): Reading {
    const key = repository.toLowerCase();
    kept.delete(key);
    kept.set(key, { reading, until: Date.now() + keptMs, isRead });
    const [oldest] = kept.keys();
    if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
    return reading;
  }
  async function ask(repository: string): Promise<Reading> {
    const octokit = await app.on(repository);
    const text = octokit && (await readFile(octokit, repository));
    return keep(repository, text === undefined ? NOTHING_READ : parseRepositorySettings(text), true);
  }
  const fresh = (repository: string) => {
    const last = kept.get(repository.toLowerCase());
    return last && last.until > Date.now() ? last : undefined;
  };
  return {
    known,
    async read(repository) {
      try {
        return fresh(repository)?.reading ?? (await ask(repository));
      } catch (error) {
        log.warn({ repository, error: messageOf(error) }, `${FILE} could not be read`);
        return keep(repository, known(repository), false);
      }
    },
    async require(repository) {
      const last = fresh(repository);
      return last?.isRead ? last.reading : ask(repository);
    },
  };
}

/** Undefined: there is none. */
async function readFile(octokit: Octokit, repository: string): Promise<string | undefined> {
  const answer = await callOr(
    'read settings',
    () => octokit.rest.repos.getContent({ ...ownerAndName(repository), path: FILE }),
    undefined,
  );
  if (!answer || Array.isArray(answer.data) || answer.data.type !== 'file') return undefined;
  return Buffer.from(answer.data.content, 'base64').toString('utf8');
}
