// A whole bot beside the fake GitHub, at GitHub's pace, for the benches. Measures nothing.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { startFakeGitHub, type FakeGitHub, type Logged } from '../test/fakes/github/github.ts';
import { createDemo, runBot, type RunningBot } from '../tools/demo.ts';

const MAIN = join(import.meta.dirname, '../bot/main.ts');
const SECRET = 'a-webhook-secret-for-the-bench';

export interface Scene {
  github: FakeGitHub;
  /** Absolute; the bot's own folder. */
  dataDir: string;
  /** When each request came. */
  timeOf: (entry: Logged) => number;
  close(): Promise<void>;
}

/** `acme/api`, where ada and bob may write. `env`: beside what the bot needs. */
export async function openScene(env: NodeJS.ProcessEnv = {}): Promise<Scene> {
  const key = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const github = await startFakeGitHub({
    appId: 7,
    appSlug: 'sam-bench',
    publicKey: key.publicKey,
    webhookSecret: SECRET,
    clientId: 'client',
    clientSecret: 'client-secret-for-the-bench',
  });
  const timeOf = noteTimes(github);
  for (const login of ['ada', 'bob']) github.addUser(login);
  await github.addRepository('acme/api', { files: { 'README.md': '# api\n' } });
  github.addCollaborator('acme/api', 'bob', 'write');
  github.install('acme');
  const demo = createDemo('bench');
  const bot = runBot(demo, [process.execPath, MAIN], { env: { ...envFor(github, key.privateKey), ...env } });
  // It prints none.
  bot.link.catch(() => {});
  github.world.app.webhookUrl = `${await urlOf(bot)}/api/github/webhooks`;
  return {
    github,
    dataDir: join(demo.folder, 'data'),
    timeOf,
    async close() {
      await bot.stop();
      await github.stop();
      demo.remove();
    },
  };
}

const envFor = (github: FakeGitHub, privateKey: string): NodeJS.ProcessEnv => ({
  APP_ID: '7',
  PRIVATE_KEY: Buffer.from(privateKey).toString('base64'),
  WEBHOOK_SECRET: SECRET,
  GITHUB_CLIENT_ID: 'client',
  GITHUB_CLIENT_SECRET: 'client-secret-for-the-bench',
  GHE_HOST: github.host,
  GHE_PROTOCOL: 'http',
  ENCRYPTION_KEY: randomBytes(32).toString('base64'),
  ALLOW_LOCAL_NODES: 'true',
  ALLOW_INSECURE_BASE_URL: 'true',
  MAX_COMMANDS_PER_HOUR: '0',
});

const urlOf = (bot: RunningBot): Promise<string> =>
  new Promise((resolve) => {
    bot.onLine((line) => {
      const url = /^Sam \S+ at (\S+)$/.exec(line)?.[1];
      if (url) resolve(url);
    });
  });

/** The fake notes requests in order; when they came is noted here. */
function noteTimes({ log }: FakeGitHub): (entry: Logged) => number {
  const times = new Map<Logged, number>();
  Object.assign(log, {
    push(entry: Logged) {
      times.set(entry, performance.now());
      return log.splice(log.length, 0, entry).length;
    },
  });
  return (entry) => times.get(entry) ?? 0;
}
