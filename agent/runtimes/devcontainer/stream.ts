// What the dev container program says while it works: lines of JSON, mixed with lines that are none. Pure: text in, events out.
import { z } from 'zod';
import { withoutColours } from '../../redact.ts';
import type { PrepareStep } from '../../protocol.ts';

export interface Said {
  /** For people, in colours; undefined: only the machine's own business, which may hold whole environments. */
  text?: string;
  /** What is being done from here on. */
  step?: PrepareStep;
  /** The container runs: the lifecycle commands come next. */
  isUp?: true;
  /** Which lifecycle command runs. */
  hook?: string;
  /** What the failure is told by: errors of the program itself and of what it called. */
  clue?: string;
}

const event = z.object({
  type: z.string(),
  level: z.number().optional(),
  text: z.string().optional(),
  name: z.string().optional(),
  status: z.string().optional(),
  channel: z.string().optional(),
});

/** Of its levels the first that is meant for people; below it, it prints environments. */
const SHOWN_LEVEL = 3;
const MAX_CHARACTERS = 2_000;
/** All that a program says to a terminal but colours: those go on to whoever reads the log. */
// oxlint-disable-next-line no-control-regex
const SEQUENCES = /\x1b\[[0-9;?]*[A-Za-ln-z]|[\r\x07]/g;

export function readLine(line: string): Said {
  const said = parse(line);
  // A stack trace, or what npm or node say: it has no other way to tell.
  if (said === undefined) return tell(clip(line));
  const text = clip(said.text ?? '');
  switch (said.type) {
    case 'start':
      return readStart(withoutColours(text), said.level ?? 0);
    case 'progress':
      return readProgress(said.name ?? '', said.status ?? '');
    case 'raw':
      return { ...tell(text), ...(/^Container started\b/m.test(text) && { isUp: true }) };
    case 'text':
      return readText(text, said.level ?? 0);
    default:
      return {};
  }
}

/** What a failure is told by has no colours: it is looked through, and quoted. */
const tell = (text: string): Said => ({ text, clue: withoutColours(text) });

const OWN_BUSINESS = /^Failed to fetch control manifest|^@devcontainers\/cli \d/;

function readText(text: string, level: number): Said {
  // A registry's answer, at the lowest level: without it 401, 404, 429 and 503 look the same.
  if (text.startsWith('[httpOci]')) return tell(text);
  if (level < SHOWN_LEVEL) return {};
  return OWN_BUSINESS.test(text) ? {} : tell(text);
}

const COMMANDS: [RegExp, PrepareStep][] = [
  [/^Run: \S*docker\S* pull\b/, 'pull'],
  [/^Run: .*\bbuild\b.*_DEV_CONTAINERS_FEATURE_CONTENT_SOURCE/s, 'features'],
  [/^Run: \S*docker\S* (buildx )?build\b/, 'build'],
  [/^Run: .*\bcompose\b.* build\b/s, 'build'],
  [/^Run: .*\bcompose\b.* up\b/s, 'create'],
  [/^Run: \S*docker\S* (run|start)\b/, 'create'],
  [/^Starting container/, 'create'],
];

function readStart(text: string, level: number): Said {
  const [, step] = COMMANDS.find(([pattern]) => pattern.test(text)) ?? [];
  return { ...(step && { step }), ...(level >= SHOWN_LEVEL && { text }) };
}

function readProgress(name: string, status: string): Said {
  const [, hook] = /\b(\w+Command)\b/.exec(name) ?? [];
  if (status === 'running') return { step: 'hooks', text: name, ...(hook && { hook }) };
  return { text: `${name.replace(/\.+$/, '')}: ${status}` };
}

function parse(line: string): z.infer<typeof event> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return event.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

const clip = (text: string): string => text.replaceAll(SEQUENCES, '').trim().slice(0, MAX_CHARACTERS);

/** The one object on standard output, at success and at failure. */
export interface Result {
  isUp: boolean;
  message: string;
  description: string;
  containerId?: string;
  remoteUser?: string;
  remoteFolder?: string;
  remoteEnv: Record<string, string>;
  ports: number[];
}

const merged = z.object({
  remoteEnv: z.record(z.string(), z.string().nullable()).catch({}).default({}),
  forwardPorts: z
    .array(z.union([z.number(), z.string()]))
    .catch([])
    .default([]),
});

const result = z.object({
  outcome: z.string(),
  message: z.string().default(''),
  description: z.string().default(''),
  containerId: z.string().exactOptional(),
  remoteUser: z.string().exactOptional(),
  remoteWorkspaceFolder: z.string().exactOptional(),
  mergedConfiguration: merged.exactOptional(),
});

/** Undefined: it ended without one. */
export function readResult(stdout: string): Result | undefined {
  const line =
    stdout
      .trim()
      .split('\n')
      .findLast((one) => one.startsWith('{')) ?? '';
  try {
    const said = result.parse(JSON.parse(line));
    const { remoteEnv = {}, forwardPorts = [] } = said.mergedConfiguration ?? {};
    const variables = Object.entries(remoteEnv).flatMap(([name, value]) =>
      value === null ? [] : [[name, value]],
    );
    return {
      isUp: said.outcome === 'success',
      message: said.message,
      description: said.description,
      ...(said.containerId !== undefined && { containerId: said.containerId }),
      ...(said.remoteUser !== undefined && { remoteUser: said.remoteUser }),
      ...(said.remoteWorkspaceFolder !== undefined && { remoteFolder: said.remoteWorkspaceFolder }),
      remoteEnv: Object.fromEntries(variables) as Record<string, string>,
      ports: forwardPorts.flatMap(portOf),
    };
  } catch {
    return undefined;
  }
}

/** `3000`, `localhost:3000`; those of other services of compose are not the workspace's own. */
function portOf(port: number | string): number[] {
  const number = typeof port === 'number' ? port : Number(/^(?:localhost:)?(\d+)$/.exec(port)?.[1]);
  return Number.isInteger(number) && number > 0 && number < 65_536 ? [number] : [];
}
