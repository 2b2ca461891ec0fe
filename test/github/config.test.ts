// The GitHub group of variables: all of it or nothing, and nothing that would be a hole.
import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { parseConfig } from '../../bot/config.ts';

const PEM = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
}).privateKey;
const WHOLE = {
  APP_ID: '7',
  PRIVATE_KEY: PEM,
  WEBHOOK_SECRET: 'a-webhook-secret-for-tests',
  GITHUB_CLIENT_ID: 'client',
  GITHUB_CLIENT_SECRET: 'secret',
  BASE_URL: 'https://sam.example.com',
  ALLOW_LOCAL_NODES: 'true',
};
const read = (env: Record<string, string>) => parseConfig(env, '/');
const complaint = (env: Record<string, string>): string => {
  try {
    read(env);
    return 'it started';
  } catch (error) {
    return (error as Error).message;
  }
};

test('without any of them the front is off', () => {
  expect(read({}).github).toBeUndefined();
});

test('the private key may be PEM, one line with `\\n`, or base64', () => {
  const forms = [PEM, PEM.replaceAll('\n', String.raw`\n`), Buffer.from(PEM).toString('base64')];
  for (const PRIVATE_KEY of forms)
    expect(read({ ...WHOLE, PRIVATE_KEY }).github?.privateKey.trim()).toBe(PEM.trim());
});

test('Enterprise moves every address', () => {
  expect(read({ ...WHOLE, GHE_HOST: 'git.example.com' }).github).toMatchObject({
    url: 'https://git.example.com',
    apiUrl: 'https://git.example.com/api/v3',
  });
});

test('one message names every variable that is missing or bad', () => {
  expect(complaint({ APP_ID: 'seven', WEBHOOK_SECRET: 'short', PRIVATE_KEY: 'nonsense' }))
    .toMatchInlineSnapshot(`
    "Sam cannot start: 7 variables are wrong.
      - GITHUB_CLIENT_ID is missing; GitHub needs all of APP_ID, PRIVATE_KEY, WEBHOOK_SECRET, GITHUB_CLIENT_ID, GITHUB_CLIENT_SECRET, or none
      - GITHUB_CLIENT_SECRET is missing; GitHub needs all of APP_ID, PRIVATE_KEY, WEBHOOK_SECRET, GITHUB_CLIENT_ID, GITHUB_CLIENT_SECRET, or none
      - APP_ID is \`seven\`, not the number on the page of the App
      - PRIVATE_KEY is not an RSA key: PEM, or its base64
      - WEBHOOK_SECRET is not a secret of 16 characters or more (not \`development\`); at most two, comma-separated: \`openssl rand -hex 32\`
      - PROVIDER is \`local\`, which runs the code of other people as the user of this bot, who can read its keys; with GitHub on, that needs ALLOW_LOCAL_NODES=true
      - BASE_URL is \`http://localhost:3000\`, not an https address that others can reach; with GitHub on, that needs ALLOW_INSECURE_BASE_URL=true
    Mend it in the environment (.env.example explains every variable) and start again."
  `);
});

test.for(['development', 'short', '', 'a-webhook-secret-for-tests,development'])(
  'the webhook secret `%s` stops the start',
  (WEBHOOK_SECRET) => {
    expect(complaint({ ...WHOLE, WEBHOOK_SECRET })).toContain('WEBHOOK_SECRET');
  },
);

test('no secret is in the complaint', () => {
  expect(complaint({ ...WHOLE, WEBHOOK_SECRET: 'hunter2' })).not.toContain('hunter2');
});

test('two webhook secrets are fine, the new one first', () => {
  const WEBHOOK_SECRET = 'the-new-secret-of-tests, the-old-secret-of-tests';
  expect(read({ ...WHOLE, WEBHOOK_SECRET }).github?.webhookSecrets).toEqual([
    'the-new-secret-of-tests',
    'the-old-secret-of-tests',
  ]);
});
