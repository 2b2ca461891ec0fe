// What the dev container program says while it works, as it was seen to say it.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readLine, readResult } from '../../../agent/runtimes/devcontainer/stream.ts';

const line = (event: object) => readLine(JSON.stringify(event));

test.each([
  ['Run: docker pull debian:12', 'pull'],
  ['Run: docker build -t vsc-api-1 -f /x/Dockerfile .', 'build'],
  ['Run: docker buildx build --load -f /x/Dockerfile .', 'build'],
  [
    'Run: docker build --target dev_containers_target_stage -f /x/Dockerfile-with-features -t vsc-api-1 /y',
    'build',
  ],
  [
    'Run: docker build --build-arg _DEV_CONTAINERS_FEATURE_CONTENT_SOURCE=x -f /x/Dockerfile.extended -t y .',
    'features',
  ],
  ['Run: docker compose -f a.yml build', 'build'],
  ['Run: docker compose -f a.yml up -d', 'create'],
  ['Run: docker run --sig-proxy=false -a STDOUT', 'create'],
  ['Starting container', 'create'],
])('%s is the step %s', (text, step) => {
  expect(line({ type: 'start', level: 3, text }).step).toBe(step);
});

test('a lifecycle command begins the hooks, by its name', () => {
  const event = {
    type: 'progress',
    name: 'Running postCreateCommand...',
    status: 'running',
    channel: 'postCreate',
  };
  expect(line(event)).toMatchObject({ step: 'hooks', hook: 'postCreateCommand' });
  expect(line({ ...event, status: 'failed' })).toEqual({ text: 'Running postCreateCommand: failed' });
});

test('environments, which it prints at its lowest level, are shown to nobody', () => {
  const text = 'userEnvProbe parsed: { "API_KEY": "x" }';
  expect(line({ type: 'text', level: 1, text })).toEqual({});
  expect(line({ type: 'text', level: 2, text: 'API_KEY=x' })).toEqual({});
});

test('a registry’s answer is kept at any level', () => {
  const said = '[httpOci] 503 (NoAuth): https://registry.test/v2/x';
  expect(line({ type: 'text', level: 1, text: said })).toEqual({ text: said, clue: said });
});

test('people see colours; what a failure is told by has none, and the rest that terminals act on is gone', () => {
  const said = '\x1b[2K\x1b[1mhello\x1b[0m\r\n';
  expect(line({ type: 'raw', level: 3, text: said })).toEqual({
    text: '\x1b[1mhello\x1b[0m',
    clue: 'hello',
  });
  expect(line({ type: 'start', level: 3, text: '\x1b[1mRun: docker pull x\x1b[0m' }).step).toBe('pull');
});

test('what is no JSON is a clue: stack traces come in between', () => {
  expect(readLine('Error: it broke').clue).toBe('Error: it broke');
  expect(readLine('{"type": broken').clue).toBe('{"type": broken');
});

test('the result has where sessions begin, and the ports that are the workspace’s own', () => {
  const said = {
    outcome: 'success',
    containerId: 'c1',
    remoteUser: 'dev',
    remoteWorkspaceFolder: '/workspaces/api',
    mergedConfiguration: {
      remoteEnv: { A: '1', GONE: null },
      forwardPorts: [3000, 'localhost:4000', 'db:5432', 0, 99_999],
    },
  };
  expect(readResult(`noise\n${JSON.stringify(said)}\n`)).toEqual({
    isUp: true,
    message: '',
    description: '',
    containerId: 'c1',
    remoteUser: 'dev',
    remoteFolder: '/workspaces/api',
    remoteEnv: { A: '1' },
    ports: [3000, 4000],
  });
});

test('no line and no result throws', () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.json(),
      (text, json) => void [readLine(text), readLine(json), readResult(text), readResult(json)],
    ),
  );
});
