// What whoever runs Sam says of environments: read once, and told to agents at each connect.
import { expect, test } from 'vitest';
import { parseBotMessage } from '../../agent/bot-link/messages.ts';
import { parseConfig } from '../../bot/config.ts';

const parse = (env: Record<string, string>) => parseConfig(env, '/srv/sam').environments;

test('containers are had where a machine can have them, unless that is refused', () => {
  expect(parse({})).toEqual({ runtime: 'auto' });
  expect(parse({ RUNTIME: 'host' })).toEqual({ runtime: 'host' });
  expect(parse({ DEFAULT_IMAGE: 'ghcr.io/acme/base:3@sha256:ab' })).toEqual({
    runtime: 'auto',
    defaultImage: 'ghcr.io/acme/base:3@sha256:ab',
  });
});

test('what is neither is said, with its name', () => {
  expect(() => parse({ RUNTIME: 'docker' })).toThrow('RUNTIME is `docker`, not `auto` or `host`');
  expect(() => parse({ DEFAULT_IMAGE: '--privileged' })).toThrow(
    'DEFAULT_IMAGE is `--privileged`, not the name of a container image',
  );
});

test('an agent takes no option for the name of an image', () => {
  const say = (environments: object) =>
    parseBotMessage(
      JSON.stringify({
        type: 'desired',
        all: true,
        workspaces: [],
        settings: { origin: 'http://a', jwks: 'http://a/jwks', issuer: 'http://a', environments },
      }),
    );
  expect(say({ runtime: 'auto', defaultImage: 'debian:13' })).toMatchObject({
    settings: { environments: { defaultImage: 'debian:13' } },
  });
  expect(say({ runtime: 'auto', defaultImage: '--privileged' })).toBeUndefined();
});
