// Bodies for the servers of a fake Hetzner: each that is switched on boots as a machine of its own from its user-data, and
// each that is deleted is gone with everything.
import type { FakeMachine } from '../fakes/hetzner/project.ts';
import { settingsIn, type Machines } from '../hetzner/machines.ts';
import { bootMachine, type Machine } from './machine.ts';

export interface Bodies extends Machines {
  /** Once it was switched on. */
  find(name: string): Machine | undefined;
}

/** `out`: the ports of 127.0.0.1 that machines reach. */
export function createBodies(out: number[], { hasPackages = false } = {}): Bodies {
  const booting = new Map<string, Promise<Machine>>();
  const there = new Map<string, Machine>();
  const going: Promise<void>[] = [];
  const settings: Machines['settings'] = new Map();
  const remove = (name: string): void => {
    const body = booting.get(name);
    booting.delete(name);
    if (body)
      going.push(
        body.then(async (machine) => {
          there.delete(name);
          await machine.remove();
        }),
      );
  };
  return {
    settings,
    mute: false,
    change(what: 'created' | 'on' | 'off' | 'deleted', { name, userData }: FakeMachine) {
      if (what === 'deleted') remove(name);
      if (what !== 'on' || booting.has(name)) return;
      settings.set(name, settingsIn(userData));
      const body = bootMachine({ userData, out, into: [443], hasPackages });
      booting.set(name, body);
      void body.then((machine) => there.set(name, machine));
    },
    find: (name) => there.get(name),
    doorOf: (name) => ({ path: there.get(name)?.socket(443) ?? '/dev/null' }),
    running: () => [...booting.keys()],
    async stop() {
      for (const name of booting.keys()) remove(name);
      await Promise.all(going);
    },
  };
}
