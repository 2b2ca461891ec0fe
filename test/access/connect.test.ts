// The pages of /connect, without the chat that leads there.
import { expect, onTestFinished, test } from 'vitest';
import { connectRoutes } from '../../bot/access/people/linking.ts';
import { openRows } from './rows.ts';
import { serveRoutes } from './http-server.ts';

test('where the chat calls Sam by another name, the page does too', async () => {
  const rows = await openRows();
  const server = await serveRoutes((baseUrl) =>
    Promise.resolve({
      routes: connectRoutes({
        forges: [],
        db: rows.db,
        baseUrl,
        chat: 'Cloud',
        command: '/cloud',
        resume: () => Promise.resolve(),
      }),
    }),
  );
  onTestFinished(async () => {
    await server.close();
    await rows.close();
  });
  const response = await fetch(`${server.origin}/connect`);
  expect(response.status).toBe(410);
  expect(await response.text()).toContain('<code>/cloud connect</code>');
});
