// Where git's helper asks for passwords: one socket in each workspace's folder, for that workspace's repository alone.
// Knows who may ask what; the answers come from elsewhere and are kept nowhere.
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { describeError, type Log } from '../log.ts';
import { listenAt } from '../system/sockets.ts';
import type { Answer, Tokens } from './tokens.ts';

const MAX_QUESTION_CHARACTERS = 8_192;
const QUESTION_TIMEOUT_MS = 5_000;
const MAX_CONNECTIONS = 32;

/** Whose questions are answered, and about what. */
export interface Subject {
  id: string;
  /** The addresses of its own repository: the present one, and where it was cloned from. */
  repositories: string[];
  /** Whether the bot has passwords for it, and it may have them now. */
  isOpen: boolean;
}

export interface Broker {
  /**
   * Serves the workspace at `socket`, whose folder is there; `isShared`: nobody else gets into that folder. `subject` is asked each
   * time. Repeatable; never rejects.
   */
  open: (socket: string, subject: () => Subject, options?: { isShared: boolean }) => Promise<void>;
  /** At once: who waits for an answer there gets none. Repeatable. */
  close: (socket: string) => Promise<void>;
  closeAll: () => Promise<void>;
}

interface Served {
  server: Server;
  /** Whoever waits for an answer: nobody gets one once it is closed. */
  connections: Set<Socket>;
}

export function createBroker(ask: Tokens['ask'], log: Log): Broker {
  const served = new Map<string, Promise<Served | undefined>>();
  const close = async (socket: string) => {
    const one = await served.get(socket);
    served.delete(socket);
    if (one === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    one.server.close(() => resolve());
    for (const connection of one.connections) connection.destroy();
    await promise;
  };
  return {
    async open(socket, subject, options) {
      if (!subject().isOpen) return;
      const opening =
        served.get(socket) ??
        serve(socket, (question) => answer(ask, subject(), question), options).catch((error: unknown) => {
          log.error('git cannot ask for passwords', { workspace: subject().id, error: describeError(error) });
          return undefined;
        });
      served.set(socket, opening);
      if ((await opening) === undefined) served.delete(socket);
    },
    close,
    closeAll: async () => void (await Promise.all([...served.keys()].map(close))),
  };
}

async function serve(
  socket: string,
  reply: (question: string) => Promise<Answer | object>,
  options: { isShared: boolean } | undefined,
): Promise<Served> {
  const connections = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (connection) => {
    connections.add(connection);
    connection.once('close', () => connections.delete(connection));
    converse(connection, reply).catch(() => connection.destroy());
  });
  server.maxConnections = MAX_CONNECTIONS;
  await listenAt(server, socket, options);
  return { server, connections };
}

async function converse(
  connection: Socket,
  reply: (question: string) => Promise<Answer | object>,
): Promise<void> {
  connection.on('error', () => connection.destroy());
  connection.setTimeout(QUESTION_TIMEOUT_MS, () => connection.destroy());
  connection.setEncoding('utf8');
  let question = '';
  for await (const piece of connection.iterator({ destroyOnReturn: false })) {
    question += String(piece);
    if (question.includes('\n') || question.length > MAX_QUESTION_CHARACTERS) break;
  }
  connection.setTimeout(0);
  connection.end(JSON.stringify(await reply(question)));
}

const questionShape = z.object({
  protocol: z.string(),
  host: z.string(),
  path: z.string(),
  operation: z.exactOptional(z.enum(['fetch', 'push'])),
});

/** Empty for what is not the workspace's own repository: git goes on as if it had not asked. */
async function answer(
  ask: Tokens['ask'],
  { id, repositories, isOpen }: Subject,
  text: string,
): Promise<Answer | object> {
  const question = parse(text);
  if (question === undefined || !isOpen) return {};
  if (!repositories.some((repository) => isAbout(question, repository))) return {};
  const { operation } = question;
  const given = await ask(id, operation ?? 'push');
  const isTooMuch = operation === undefined && 'error' in given && given.error.code === 'forbidden';
  return isTooMuch ? ask(id, 'fetch') : given;
}

function parse(text: string): z.infer<typeof questionShape> | undefined {
  try {
    return questionShape.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function isAbout({ protocol, host, path }: z.infer<typeof questionShape>, repository: string): boolean {
  if (!URL.canParse(repository)) return false;
  const own = new URL(repository);
  return `${protocol}:` === own.protocol && host === own.host && plain(path) === plain(own.pathname);
}

/** `owner/name` as the host compares it; large files are asked for below it. */
const plain = (path: string): string =>
  path
    .toLowerCase()
    .replace(/^\/+/, '')
    .replace(/\/info\/lfs(\/.*)?$/, '')
    .replace(/\/+$/, '')
    .replace(/\.git$/, '');

/** The program that git asks. */
export const HELPER = join(import.meta.dirname, 'helper.ts');

/** The value of `credential.helper`; nothing secret is in it. `program`: what runs the helper, the node's own if absent. */
export function helperCommand(socket: string, program: string[] = [process.execPath, HELPER]): string {
  // A person's options for their own programs must not break it.
  return `!NODE_OPTIONS= ${[...program, socket].map(quote).join(' ')}`;
}

const quote = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`;
