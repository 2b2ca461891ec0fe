// What listens in a container, on its loopback alone too: seen, and reached through the agent, on a real engine.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Runtime, WorkspaceSpec } from '../../../agent/runtimes/runtime.ts';
import { isLeftOut } from '../../needs.ts';
import { eventually } from '../../testers/watch.ts';
import { findNoEngine, startEngine, type TestEngine } from '../engine.ts';
import { createTestRuntime, makeWorkspace } from './runtime.ts';

const isMissing = isLeftOut('containers', findNoEngine());
let engine: TestEngine;
beforeAll(async () => {
  if (!isMissing) engine = await startEngine();
});
afterAll(() => engine?.remove());

async function begin(change: Partial<WorkspaceSpec> = { isTrusted: true }) {
  const { runtime } = createTestRuntime(engine);
  const workspace = makeWorkspace(runtime, {});
  const spec = { ...workspace.spec, ...change };
  await runtime.reach?.(spec.id)?.makeFolder();
  mkdirSync(join(spec.dir, '../claude'), { recursive: true });
  await workspace.prepare(change);
  await runtime.start(spec);
  onTestFinished(async () => void (await runtime.stop(spec, () => Promise.resolve())));
  const [container = ''] = engine.containers(`label=sam.workspace=${spec.id}`);
  return { runtime, spec, container };
}

async function ask(runtime: Runtime, spec: WorkspaceSpec, port: number): Promise<string> {
  const socket = await runtime.connect(spec, port);
  socket.write('GET /file HTTP/1.0\r\n\r\n');
  return text(socket);
}

const HTTPD = 'mkdir -p /tmp/w && echo inside > /tmp/w/file && exec busybox httpd -f -p "$1" -h /tmp/w';

describe.skipIf(isMissing)('a program that listens in a container', () => {
  test.each(['127.0.0.1:3456', '0.0.0.0:3456'])('at %s is seen, and reached', async (at) => {
    const { runtime, spec, container } = await begin();
    await eventually(async () => (await runtime.ports(spec)).length === 0, 'nothing');
    await expect(runtime.connect(spec, 3456)).rejects.toMatchObject({ code: 'nothing-listens' });
    engine.docker('exec', '--detach', container, '/bin/sh', '-c', HTTPD, 'sh', at);
    await eventually(async () => (await runtime.ports(spec)).join() === '3456', 'its port');
    expect(await ask(runtime, spec, 3456)).toContain('inside');
  });

  test('what the node itself has there is neither seen nor reached, and another workspace is another place', async () => {
    const one = await begin();
    const other = await begin();
    engine.docker('exec', '--detach', other.container, '/bin/sh', '-c', HTTPD, 'sh', '127.0.0.1:3457');
    await eventually(async () => (await other.runtime.ports(other.spec)).join() === '3457', 'its port');
    expect(await one.runtime.ports(one.spec)).toEqual([]);
    await expect(one.runtime.connect(one.spec, 3457)).rejects.toMatchObject({ code: 'nothing-listens' });
    const models = Number(new URL(one.runtime.reach!(one.spec.id)!.models).port);
    await expect(one.runtime.connect(one.spec, models)).rejects.toMatchObject({ code: 'nothing-listens' });
  });

  test('into one with nothing of the node’s there is no way', async () => {
    const { runtime, spec } = await begin({});
    expect(await runtime.ports(spec)).toEqual([]);
    await expect(runtime.connect(spec, 3456)).rejects.toMatchObject({ code: 'no-way' });
  });
});
