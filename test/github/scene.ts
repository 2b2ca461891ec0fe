// A whole bot beside a fake GitHub: people comment, Sam answers; what they see, without what differs from run to run.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { startFakeGitHub, type Comment, type FakeGitHub, type Thread } from '../fakes/github/github.ts';
import { createPlace, type Place } from '../place.ts';
import { startSam, type Sam } from '../sam.ts';
import { createStable } from '../stable.ts';
import { until } from '../until.ts';

export interface Scene extends AsyncDisposable {
  github: FakeGitHub;
  sam: Sam;
  place: Place;
  /** `acme/api` with a pull request by bob, who may write; ada owns it. */
  pull: Thread;
  /** Says it as bob, or whom the last word names; resolves with the comment when Sam has settled. */
  say(text: string, by?: string, thread?: Thread): Promise<Comment>;
  /** Waits until Sam has nothing left to do or to show. */
  settle(): Promise<void>;
  /** Sam's comments on the thread, stable. */
  comments(thread?: Thread): string[];
  /** The signs on a comment. */
  signs(comment: Comment): string[];
  webhook: string;
}

const KEY = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});
export const SECRET = 'a-webhook-secret-for-tests';

export interface SceneOptions {
  env?: NodeJS.ProcessEnv;
  private?: boolean;
  echoes?: boolean;
  log?: Logger;
}

export async function openScene({
  env = {},
  echoes = false,
  log,
  ...more
}: SceneOptions = {}): Promise<Scene> {
  const github = await startFakeGitHub({
    appId: 7,
    appSlug: 'sam-test',
    publicKey: KEY.publicKey,
    webhookSecret: SECRET,
    clientId: 'client',
    clientSecret: 'client-secret-for-tests',
    echoes,
  });
  const place = await createPlace();
  const sam = await startSam({ place, env: { ...envFor(github), ...env }, ...(log && { log }) });
  const webhook = `${sam.bot.url}/api/github/webhooks`;
  github.world.app.webhookUrl = webhook;
  for (const login of ['ada', 'bob', 'eve']) github.addUser(login);
  await github.addRepository('acme/api', { private: more.private ?? false });
  github.addCollaborator('acme/api', 'ada', 'admin');
  github.addCollaborator('acme/api', 'bob', 'write');
  github.install('acme');
  const pull = await github.addPullRequest('acme/api', { by: 'bob', branch: 'fix-login' });
  const stable = createStable(place.root);
  const settle = (): Promise<void> => until(() => isSettled(place), 40_000);
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
        .map((one) => plain(stable(one.body)) + (one.minimized ? `\n(minimised: ${one.minimized})` : '')),
    signs: (comment) => github.reactionsOn(comment),
    async [Symbol.asyncDispose]() {
      await sam[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
      await github.stop();
    },
  };
}

const envFor = (github: FakeGitHub): NodeJS.ProcessEnv => ({
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
});

const plain = (text: string): string =>
  text
    .replaceAll(/`[0-9a-f]{7}`/g, '`commit`')
    .replaceAll(/\?s=[\w-]{43}/g, '?s=SIGNATURE')
    .replaceAll(/(: [a-z ]+) · (\d+s|\d+m \d\ds)$/gm, '$1 · SPAN');

/** Nothing is left to do, to show or to sign. */
async function isSettled({ sql }: Place): Promise<boolean> {
  const [row] = await sql<{ left: number }[]>`
    select (select count(*) from deliveries where ended_at is null
              or (answer is not null and (answered_at is null or (source = 'github' and concluded_at is null))))
         + (select count(*) from cards where want_version <> sent_version)
         + (select count(*) from commands where status = 'running')
         + (select count(*) from workspaces where phase <> desired and phase <> 'failed')::int as left`;
  return Number(row?.left) === 0;
}
