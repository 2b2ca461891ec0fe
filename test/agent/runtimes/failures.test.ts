// Why a container could not be made: what the dev container program and the engine were seen to say, and what is made of it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { explainFailure, type Failed } from '../../../agent/runtimes/devcontainer/failures.ts';
import { readLine, readResult } from '../../../agent/runtimes/devcontainer/stream.ts';
import { PREPARE_STEPS } from '../../../agent/protocol.ts';
import { createSay, wordFailure } from '../../../bot/chat/wording.ts';

/** `said`: lines of standard error; `message` and `description`: of the one object on standard output. */
function explain(
  {
    said = [],
    message = '',
    description = '',
    containerId,
  }: Partial<Record<'message' | 'description' | 'containerId', string>> & { said?: string[] },
  more: Partial<Failed> = {},
) {
  const heard = said.map(readLine);
  return explainFailure({
    result: readResult(JSON.stringify({ outcome: 'error', message, description, containerId })),
    clues: heard.flatMap(({ clue }) => clue ?? []),
    step: heard.flatMap(({ step }) => step ?? []).at(-1) ?? 'create',
    hook: heard.flatMap(({ hook }) => hook ?? []).at(-1),
    isTimeout: false,
    minutes: 20,
    path: '.devcontainer/devcontainer.json',
    ...more,
  });
}

const raw = (text: string) => JSON.stringify({ type: 'raw', level: 3, text });
const start = (text: string) => JSON.stringify({ type: 'start', level: 3, text });
const oci = (status: number) =>
  JSON.stringify({
    type: 'text',
    level: 1,
    text: `[httpOci] ${status} (NoAuth): https://registry.test/v2/acme/features/node/manifests/1`,
  });
const FEATURE = {
  message:
    "ERR: Feature 'registry.test/acme/features/node:1' could not be processed.  You may not have permission to access this Feature, or may not be logged in.  If the issue persists, report this to the Feature author.",
  description: 'An error occurred setting up the container.',
};

const NO_ENGINE = 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.';

describe('a registry', () => {
  test.each([
    [
      503,
      { class: 'transient', code: 'registry-unavailable', details: { host: 'registry.test', why: '503' } },
    ],
    [429, { class: 'transient', code: 'registry-limited', details: { host: 'registry.test' } }],
    [
      404,
      {
        class: 'configuration',
        code: 'no-feature',
        details: { feature: 'registry.test/acme/features/node:1' },
      },
    ],
    [
      401,
      {
        class: 'configuration',
        code: 'registry-denied',
        details: { host: 'registry.test', what: 'registry.test/acme/features/node:1' },
      },
    ],
  ])('that answers %i for a feature is told by the line that the text format lacks', (status, expected) => {
    expect(explain({ said: [oci(status)], ...FEATURE })).toEqual(expected);
  });

  test('that does not say how to sign in denies', () => {
    const said = [
      '{"type":"text","level":1,"text":"[httpOci] ERR: Server did not provide instructions to authentiate!"}',
    ];
    expect(explain({ said, ...FEATURE })).toMatchObject({ code: 'registry-denied' });
  });

  test.each([
    ['getaddrinfo EAI_AGAIN registry.test', 'transient', 'registry-unavailable'],
    ['connect ECONNREFUSED 127.0.0.1:443', 'transient', 'registry-unavailable'],
    ['self-signed certificate', 'configuration', 'registry-untrusted'],
  ])('that cannot be talked to: %s', (message, kind, code) => {
    expect(explain({ message, description: 'An error occurred setting up the container.' })).toMatchObject({
      class: kind,
      code,
    });
  });

  test.each([
    ['Get "https://registry.test/v2/": dial tcp: lookup registry.test: no such host', 'registry-unavailable'],
    ['Get "https://registry.test/v2/": net/http: TLS handshake timeout', 'registry-unavailable'],
    ['received unexpected HTTP status: 503 Service Unavailable', 'registry-unavailable'],
    ['toomanyrequests: You have reached your pull rate limit.', 'registry-limited'],
    [
      "pull access denied for acme/secret, repository does not exist or may require 'docker login'",
      'registry-denied',
    ],
    [
      'Get "https://registry.test/v2/": dial tcp 192.0.2.1:443: connect: connection refused',
      'registry-unavailable',
    ],
    [
      'Get "https://registry.test/v2/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
      'registry-unavailable',
    ],
    ['manifest for registry.test/acme/api:9 not found: manifest unknown', 'no-image'],
    ['Get "https://registry.test/v2/": x509: certificate signed by unknown authority', 'registry-untrusted'],
  ])('that does not give an image: %s', (text, code) => {
    const failure = explain({
      said: [start('Run: docker pull registry.test/acme/api:9'), raw(`Error response from daemon: ${text}`)],
      message: 'Command failed: docker pull registry.test/acme/api:9',
      description: 'An error occurred setting up the container.',
    });
    expect(failure.code).toBe(code);
  });
});

describe('a build', () => {
  const BUILD = {
    message: 'Command failed: docker build -f /x/Dockerfile .',
    description: 'An error occurred building the image.',
  };

  test.each([
    "The command '/bin/sh -c make' returned a non-zero code: 9",
    'ERROR: failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 9',
  ])('that fails says its exit code and its last words: %s', (line) => {
    const said = [
      start('Run: docker build -f /x/Dockerfile .'),
      raw('Step 2/2 : RUN make\nmake: *** No rule. Stop.'),
      raw(line),
    ];
    expect(explain({ said, ...BUILD })).toEqual({
      class: 'configuration',
      code: 'devcontainer-build-failed',
      details: { exit: 9, said: expect.stringContaining('No rule') },
    });
  });

  test('whose disk is full, or whose memory is not enough, says so', () => {
    expect(explain({ said: [raw('write /x: no space left on device')], ...BUILD }).code).toBe('disk-full');
    const killed = "The command '/bin/sh -c make' returned a non-zero code: 137";
    expect(explain({ said: [start('Run: docker build .'), raw(killed)], ...BUILD })).toEqual({
      class: 'configuration',
      code: 'out-of-memory',
      details: { during: 'build' },
    });
  });

  test('whose command is cut off is no matter of the engine, though both say the same', () => {
    const said = [
      raw("/bin/bash: -c: line 1: unexpected EOF while looking for matching `''"),
      raw("The command '/bin/bash -c echo it's' returned a non-zero code: 2"),
    ];
    expect(explain({ said: [start('Run: docker build .'), ...said], ...BUILD })).toMatchObject({
      class: 'configuration',
      code: 'devcontainer-build-failed',
      details: { exit: 2 },
    });
  });

  test.each([
    ["The command '/bin/sh -c docker ps' returned a non-zero code: 1"],
    ['ERROR: process "/bin/sh -c docker ps" did not complete successfully: exit code: 1'],
  ])('whose command looks for an engine where there is none: %s', (end) => {
    const said = [raw(`${NO_ENGINE} Is the docker daemon running?`), raw(end)];
    expect(explain({ said: [start('Run: docker build .'), ...said], ...BUILD }).code).toBe(
      'devcontainer-build-failed',
    );
  });

  test('that fails later is told by that, and not by an engine that a command of it looked for', () => {
    const said = [
      raw(`${NO_ENGINE} Is the docker daemon running?`),
      raw('Step 3/4 : COPY --from=acme/secret /bin/tool /bin/'),
      raw("pull access denied for acme/secret, repository does not exist or may require 'docker login'"),
      ...['one', 'two'].map(raw),
    ];
    expect(explain({ said: [start('Run: docker build .'), ...said], ...BUILD }).code).toBe('registry-denied');
  });

  test('whose command meets a dead mirror is no matter of a registry', () => {
    const said = [
      raw('curl: (7) Failed to connect: dial tcp: connection refused'),
      raw("The command '/bin/sh -c curl x' returned a non-zero code: 7"),
    ];
    expect(explain({ said: [start('Run: docker build .'), ...said], ...BUILD })).toMatchObject({
      code: 'devcontainer-build-failed',
      details: { exit: 7 },
    });
  });
});

describe('a lifecycle command', () => {
  const HOOK = {
    message: 'Command failed: /bin/sh -c exit 3',
    description: 'postCreateCommand from devcontainer.json failed.',
    containerId: 'c1',
  };

  test('that fails says which, and how', () => {
    const said = [
      '{"type":"progress","name":"Running postCreateCommand...","status":"running","channel":"postCreate"}',
      raw('npm ERR! missing script'),
      '{"type":"text","level":3,"text":"postCreateCommand from devcontainer.json failed with exit code 7. Skipping any further user-provided commands."}',
    ];
    expect(explain({ said, ...HOOK })).toEqual({
      class: 'configuration',
      code: 'devcontainer-hook-failed',
      details: { hook: 'postCreateCommand', exit: 7, said: 'npm ERR! missing script' },
    });
  });

  test('that prints what an engine or a registry would say is still a lifecycle command', () => {
    const said = [raw('Cannot connect to the Docker daemon'), raw('no space left on device'), oci(503)];
    expect(explain({ said, ...HOOK }).code).toBe('devcontainer-hook-failed');
  });

  test('that hangs was late; a silent registry may answer another time', () => {
    expect(explain({}, { isTimeout: true, step: 'hooks' })).toEqual({
      class: 'configuration',
      code: 'devcontainer-late',
      details: { during: 'hooks', minutes: 20 },
    });
    expect(explain({}, { isTimeout: true, step: 'pull' }).class).toBe('transient');
  });
});

test.each([
  [
    'Error response from daemon: unable to find user nobody-here: no matching entries in passwd file',
    'no-container-user',
    { user: 'nobody-here' },
  ],
  [
    'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
    'engine-unavailable',
    {},
  ],
  ["docker: 'compose' is not a docker command.", 'no-compose', {}],
])('what the engine says: %s', (text, code, details) => {
  expect(explain({ said: [raw(text)], message: 'Command failed: docker run' })).toMatchObject({
    code,
    details,
  });
});

test('a feature that does not install is told by its own words, and one that is not there by its file', () => {
  const said = [
    start('Run: docker build --build-arg _DEV_CONTAINERS_FEATURE_CONTENT_SOURCE=x .'),
    raw('in feature\r\nERROR: Feature "Feat" (Unknown) failed to install!'),
    raw("The command '/bin/sh -c ./devcontainer-features-install.sh' returned a non-zero code: 5"),
  ];
  expect(explain({ said, message: 'Command failed: docker build' })).toMatchObject({
    code: 'devcontainer-feature-failed',
    details: { feature: 'Feat', said: expect.stringContaining('in feature') },
  });
  const message =
    "ENOENT: no such file or directory, open '/w/.devcontainer/nofeat/devcontainer-feature.json'";
  expect(explain({ message })).toMatchObject({ code: 'no-feature', details: { feature: 'nofeat' } });
});

test('an image that is not on the node yet is no image that is nowhere', () => {
  const failure = explain({
    said: [
      raw(
        'Error response from daemon: Get "https://registry.test/v2/": dial tcp: lookup registry.test on [::1]:53: read: connection refused',
      ),
      '{"type":"text","level":5,"text":"Error response from daemon: no such image: registry.test/acme/nope:1: No such image: registry.test/acme/nope:1"}',
    ],
    message: 'Command failed: docker pull registry.test/acme/nope:1',
  });
  expect(failure).toMatchObject({
    class: 'transient',
    details: { host: 'registry.test', why: 'no address' },
  });
});

test('whatever is said, there is a class, a code and a next step, and no sentence is missing', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 60 }),
    fc.constantFrom(
      '[httpOci] 503 https://',
      'exit code: 137',
      "Feature 'x'",
      'Command failed',
      'not found',
      'denied',
      '\n',
    ),
  );
  const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(' '));
  const failed: fc.Arbitrary<Failed> = fc.record({
    result: fc.option(
      fc.record({
        isUp: fc.constant(false),
        message: text,
        description: text,
        remoteEnv: fc.constant({}),
        ports: fc.constant([]),
      }),
      { nil: undefined },
    ),
    clues: fc.array(text, { maxLength: 5 }),
    step: fc.constantFrom(...PREPARE_STEPS),
    hook: fc.option(fc.constant('postCreateCommand'), { nil: undefined }),
    isTimeout: fc.boolean(),
    minutes: fc.nat(),
    path: fc.option(fc.constant('.devcontainer.json'), { nil: undefined }),
    image: fc.option(text, { nil: undefined }),
  });
  fc.assert(
    fc.property(failed, (one) => {
      const failure = explainFailure(one);
      const worded = wordFailure(failure, 'api-1', createSay(''));
      expect(['transient', 'configuration', 'provider', 'internal']).toContain(failure.class);
      expect(worded.text).not.toBe('Something broke.');
      expect(worded.next).toContain('api-1');
    }),
    { numRuns: 500 },
  );
});
