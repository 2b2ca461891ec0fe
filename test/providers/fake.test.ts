// The provider in memory that the tests of the reconciler stand on keeps the same contract as the real ones.
import { createFakePlace, createFakeProvider } from '../workspaces/fake-provider.ts';
import { describeProvider } from './contract.ts';

describeProvider('fake', async () => {
  const place = createFakePlace();
  return {
    provider: createFakeProvider(place),
    stranger: createFakeProvider(place, 'there'),
    hasAccount: false,
    async turnOff({ name }) {
      const server = place.servers.get(name);
      if (server) place.servers.set(name, { ...server, status: 'off' });
    },
    async close() {},
  };
});
