// Conversations in a channel, as each person sees them.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSlackScene, type Scene } from './scene.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await openSlackScene();
});
afterAll(() => scene[Symbol.asyncDispose]());

test('`/sam up acme/api` is answered at once, and then by one card for the channel', async () => {
  expect(await scene.say('up acme/api')).toMatchInlineSnapshot(`
    [
      "On it: \`up acme/api\`",
      ":white_check_mark: *\`api\`* running
    \`acme/api\` @ \`commit\` · medium · for \`bob\`
    [Open terminal] [Keep 4h] [Stop] [⋯ Restart | Logs | Rename… | Delete…]
    stops at TIME if idle · ws-1",
    ]
  `);
});
