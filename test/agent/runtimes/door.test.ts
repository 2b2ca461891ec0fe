// The door of a container's ports, from the side of whoever is in there and means no good. The engine is a script.
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, test } from 'vitest';
import { openContainerPorts } from '../../../agent/runtimes/devcontainer/ports/door.ts';
import type { Engine } from '../../../agent/runtimes/devcontainer/engine.ts';
import { eventually } from '../../testers/watch.ts';

/** `inside`: lines of a shell, in place of the program that the node has there. */
function openDoor(inside: string) {
  const folder = mkdtempSync(join(tmpdir(), 'sam-door-'));
  const program = join(folder, 'docker');
  writeFileSync(program, `#!/bin/sh\n${inside}\n`);
  chmodSync(program, 0o755);
  const socket = join(folder, 'ports.sock');
  const engine = { program, env: { PATH: process.env['PATH'] ?? '', DOOR: socket } } as unknown as Engine;
  const ports = openContainerPorts({
    engine,
    container: 'c',
    command: [],
    socket,
    isOurs: (port) => port === 9,
  });
  onTestFinished(() => {
    ports.end();
    rmSync(folder, { recursive: true, force: true });
  });
  return { ports, socket, go: () => writeFileSync(`${socket}.go`, '') };
}

test('whoever comes and says nothing does not stay', async () => {
  const { socket } = openDoor('exec cat');
  await eventually(() => existsSync(socket), 'the door');
  const silent = connect(socket).resume();
  onTestFinished(() => void silent.destroy());
  await once(silent, 'close');
});

test('what listens there is heard line by line, whatever else is written in between', async () => {
  const { ports, go } = openDoor(
    `printf '= 9 80 81\\n'; until [ -e "$DOOR.go" ]; do sleep 0.05; done
printf '= '; head -c 300000 /dev/zero | tr '\\0' '7'; printf '\\n= 9 4711\\n'; exec cat >/dev/null`,
  );
  await eventually(() => ports.list().join() === '80,81', 'the first');
  go();
  await eventually(() => ports.list().join() === '4711', 'the last');
});
