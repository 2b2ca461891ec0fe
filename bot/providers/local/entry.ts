// The line of the local provider in the table. It needs no configuration: it is there where nothing else was asked for.
import type { ProviderEntry } from '../provider.ts';

export const local: ProviderEntry<undefined> = {
  traits: { terminal: 'pipe', users: 'own', sharesHost: true, isBilled: false },
  label: 'this machine',
  wayBack: 'Set PROVIDER=local',
  isConfigured: () => true,
  readSettings: () => undefined,
  describe: () => 'code of repositories runs as you, on this machine',
  architectures: () => [],
  async open(_settings, { installation, timeoutMs, url, dataDir, agentCommand, env }) {
    const { createLocal } = await import('./local.ts');
    return createLocal({ installation, timeoutMs, url, dataDir, agent: { command: agentCommand }, env });
  },
};
