// The local provider, over real processes and folders.
import { describeProvider } from './contract.ts';
import { createPlace } from './local-place.ts';

describeProvider('local', async () => {
  const place = await createPlace();
  return {
    ...place,
    provider: place.open('ours'),
    stranger: place.open('theirs'),
  };
});
