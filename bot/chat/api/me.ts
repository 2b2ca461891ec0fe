// All that is kept of a person, as one document for them, and its end. Over HTTP and for their own pages; knows no page.
import type { z } from 'zod';
import { redact } from '../../../agent/redact.ts';
import { record } from '../../access/store/audit.ts';
import { findUserName } from '../../access/store/people.ts';
import type { Executor } from '../../database/types.ts';
import { readPerson } from '../store/person-export.ts';
import { forgetPerson } from '../store/person.ts';
import { FRONT, refuse, refuseCaller, type Operation } from './operation.ts';
import { Confirmation, PersonExport } from './schemas.ts';

const DELETE = 'deleteMe';

export const meOperations = (db: Executor): Operation[] => [
  {
    id: 'exportMe',
    method: 'GET',
    path: '/api/me/export',
    summary: 'All that is kept of you, but for secrets, which nobody is shown again.',
    for: 'person',
    answers: { status: 200, schema: PersonExport },
    refusals: [],
    run: async ({ caller: { user } }) => ({ status: 200, body: await exportPerson(db, user, FRONT) }),
  },
  {
    id: DELETE,
    method: 'DELETE',
    path: '/api/me',
    summary: 'Deletes you, with your workspaces and what was not pushed of them; `confirm` is your name.',
    for: 'person',
    query: Confirmation,
    answers: { status: 204, schema: undefined },
    refusals: [],
    async run({ caller, query }) {
      // A token may have been stolen, and this brings nothing back.
      if (caller.token) throw await refuseCaller({ db }, caller, { id: DELETE }, 'browser-only');
      const { confirm = '' } = query as z.infer<typeof Confirmation>;
      if (!(await deletePerson(db, caller.user, confirm))) throw refuse(400, 'bad-request', ['confirm']);
      return { status: 204, body: undefined };
    },
  },
];

/** What looks like a secret in what they wrote is none of it. */
export async function exportPerson(
  db: Executor,
  user: string,
  front: string,
): Promise<z.infer<typeof PersonExport>> {
  await record(db, { actor: user, front, action: 'exported', right: 'self', result: 'ok' });
  const all = { exportedAt: new Date(), ...(await readPerson(db, user)) };
  const text = JSON.stringify(all, (_key, value: unknown) =>
    typeof value === 'string' ? redact(value) : value,
  );
  return PersonExport.parse(JSON.parse(text));
}

/** False: what was typed is not their name. */
export function deletePerson(db: Executor, user: string, typed: string): Promise<boolean> {
  return db.transaction(async (tx) => {
    const name = await findUserName(tx, user);
    if (name === undefined || name.toLowerCase() !== typed.trim().toLowerCase()) return false;
    await forgetPerson(tx, user);
    return true;
  });
}
