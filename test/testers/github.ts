// A whole bot beside a fake GitHub: people comment, Sam answers; what they see, without what differs from run to run.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { ProviderTable } from '../../bot/providers/provider.ts';
import { startFakeGitHub, type Comment, type FakeGitHub, type Thread } from '../fakes/github/github.ts';
import { createPlace, type Place } from './place.ts';
import { startSam, type Sam } from './sam.ts';
import { createStable } from './stable.ts';
import { until } from '../until.ts';

export interface GitHub extends AsyncDisposable {
  github: FakeGitHub;
  sam: Sam;
  place: Place;
  /** `acme/api` with a pull request by bob, who may write; ada owns it. */
  pull: Thread;
  /** Says it as bob, or whom the last word names; resolves with the comment when Sam has settled. */
  say(text: string, by?: string, thread?: Thread): Promise<Comment>;
  /** Waits until Sam has nothing left to do or to show. */
  settle(): Promise<void>;
  /** Sam's comments on the thread, stable: its number and its first workspace are 1. */
  comments(thread?: Thread): string[];
  /** What differs from run to run, taken out of a text. */
  stable(text: string, thread?: Thread): string;
  /** The signs on a comment of how it ended. Whether there are eyes too depends on how fast this machine is. */
  signs(comment: Comment): string[];
  webhook: string;
}

const KEY = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});
export const SECRET = 'a-webhook-secret-for-tests';

export interface GitHubOptions {
  env?: NodeJS.ProcessEnv;
  private?: boolean;
  echoes?: boolean;
  log?: Logger;
  /** `.github/sam.yml` of `acme/api`. */
  settings?: string;
  /** What the App was given there, where that is not all. */
  permissions?: Record<string, 'read' | 'write'>;
  providers?: ProviderTable;
  /** Whoever gives one ends it. */
  place?: Place;
  /** More files of `acme/api`. */
  files?: Record<string, string>;
}

export const startFake = (more: { echoes?: boolean } = {}): Promise<FakeGitHub> =>
  startFakeGitHub({
    appId: 7,
    appSlug: 'sam-test',
    publicKey: KEY.publicKey,
    webhookSecret: SECRET,
    clientId: 'client',
    clientSecret: 'client-secret-for-tests',
    ...more,
  });

export async function startGitHub({
  env = {},
  echoes = false,
  log,
  providers,
  place: given,
  ...more
}: GitHubOptions = {}): Promise<GitHub> {
  const github = await startFake({ echoes });
  const place = given ?? (await createPlace());
  const sam = await startSam({
    place,
    env: { ...envFor(github), ...env },
    ...(log && { log }),
    ...(providers && { providers }),
  });
  const webhook = `${sam.bot.url}/api/github/webhooks`;
  github.world.app.webhookUrl = webhook;
  for (const login of ['ada', 'bob', 'eve']) github.addUser(login);
  await github.addRepository('acme/api', {
    private: more.private ?? false,
    files: {
      'README.md': '# api\n',
      ...more.files,
      ...(more.settings ? { '.github/sam.yml': more.settings } : {}),
    },
  });
  github.addCollaborator('acme/api', 'ada', 'admin');
  github.addCollaborator('acme/api', 'bob', 'write');
  github.install('acme', more.permissions ? { permissions: more.permissions } : {});
  const pull = await github.addPullRequest('acme/api', { by: 'bob', branch: 'fix-login' });
  const stable = createStableOf(place);
  const settle = (): Promise<void> => until(() => isSettled(place));
  return {
    github,
    sam,
    place,
    pull,
    webhook,
    settle,
    async say(text, by = 'bob', thread = pull) {
      const { comment } = await github.comment(thread, by, text);
      await settle();
      return comment;
    },
    comments: (thread = pull) =>
      github
        .commentsOn(thread)
        .filter((one) => one.byApp)
        .map(
          (one) => plain(stable(one.body, thread)) + (one.minimized ? `\n(minimised: ${one.minimized})` : ''),
        ),
    stable: (text, thread = pull) => plain(stable(text, thread)),
    signs: (comment) => github.reactionsOn(comment).filter((sign) => sign !== 'eyes'),
    async [Symbol.asyncDispose]() {
      await sam[Symbol.asyncDispose]();
      if (!given) await place[Symbol.asyncDispose]();
      await github.stop();
    },
  };
}

export const envFor = (github: FakeGitHub): NodeJS.ProcessEnv => ({
  APP_ID: '7',
  PRIVATE_KEY: Buffer.from(KEY.privateKey).toString('base64'),
  WEBHOOK_SECRET: SECRET,
  GITHUB_CLIENT_ID: 'client',
  GITHUB_CLIENT_SECRET: 'client-secret-for-tests',
  GHE_HOST: github.host,
  GHE_PROTOCOL: 'http',
  ENCRYPTION_KEY: randomBytes(32).toString('base64'),
  ALLOW_LOCAL_NODES: 'true',
  ALLOW_INSECURE_BASE_URL: 'true',
  // And with it GitHub's pace, a write each second, is off: test/github/pace.test.ts is about that.
  SAM_DEADLINE_BASE: '12s',
});

/** Each thread has its own count of ids, and is number 1: what others did before does not show. */
function createStableOf({ root }: Place): (text: string, thread: Thread) => string {
  const stables = new Map<Thread, (text: string) => string>();
  return (text, thread) => {
    const stable = stables.get(thread) ?? createStable(root);
    stables.set(thread, stable);
    const number = new RegExp(`(?<=#|\\b${thread.repository.name}-)${thread.number}\\b`, 'g');
    return stable(text).replaceAll(number, '1');
  };
}

const plain = (text: string): string =>
  text
    .replaceAll(/`[0-9a-f]{7}`/g, '`commit`')
    .replaceAll(/\?s=[\w-]{43}/g, '?s=SIGNATURE')
    .replaceAll(/(: [a-z ]+) · (\d+s|\d+m \d\ds)$/gm, '$1 · SPAN');

/** Nothing is left to do, to show or to sign. */
export async function isSettled({ sql }: Place): Promise<boolean> {
  const [row] = await sql<{ left: number }[]>`
    select (select count(*) from deliveries where ended_at is null
              or (answer is not null and (answered_at is null or (source = 'github' and concluded_at is null))))
         + (select count(*) from cards where want_version <> sent_version
              -- What waits for a permission waits for people.
              and next_at < clock_timestamp() + interval '10 minutes')
         + (select count(*) from commands where status = 'running')
         + (select count(*) from workspaces where phase <> desired and phase <> 'failed')::int as left`;
  return Number(row?.left) === 0;
}
