// What a person's own page says of taking along what is kept of them, and of deleting it. Reads rows, writes none.
import { SETTINGS_PAGE, type SettingsPerson } from '../../../access/credentials/settings-sessions.ts';
import { escape } from '../../../access/people/sign-in-pages.ts';
import { findUserName } from '../../../access/store/people.ts';
import type { Executor } from '../../../database/types.ts';
import { isDirty } from '../../../workspaces/saving.ts';
import { listOwned } from '../../store/person.ts';
import { paragraph } from './render.ts';

export const ME_PAGE = `${SETTINGS_PAGE}/me`;
export const EXPORT_PATH = `${ME_PAGE}/export`;

export async function renderMe(db: Executor, { user }: SettingsPerson): Promise<string> {
  const name = (await findUserName(db, user)) ?? user;
  const owned = await listOwned(db, user);
  const unpushed = owned.filter(({ reported }) => isDirty(reported?.work));
  const names = (some: typeof owned): string => some.map((one) => one.name).join(', ');
  const id = 'confirm';
  return [
    '<section class="own"><h2>Take it along</h2>',
    paragraph(
      'One file with all that is kept of you: who you are elsewhere, workspaces and machines, what you said and asked, tokens, keys, browsers and shares by name, limits, and your rows of the audit. No secret is in it.',
    ),
    `<p><a class="plain" href="${EXPORT_PATH}">Download it (JSON)</a></p></section>`,
    '<section class="own"><h2>Delete it</h2>',
    paragraph(
      'Tokens, browsers, keys and shares end at once, chats and accounts are forgotten, and your workspaces are deleted with whatever was not pushed. The audit keeps its rows until their time is over, under a number that is nobody’s. If you come again you are somebody new.',
    ),
    owned.length > 0 ? paragraph(`Deleted with it: ${names(owned)}.`) : '',
    unpushed.length > 0
      ? `<p class="wrong">${escape(`Not pushed, and lost then: work in ${names(unpushed)}.`)}</p>`
      : '',
    `<form method="post" action="${ME_PAGE}/end"><label for="${id}">${escape(`Type ${name} to delete all of it. This cannot be undone.`)}</label>`,
    `<input id="${id}" name="confirm" required maxlength="200" autocomplete="off" spellcheck="false" autocapitalize="off">`,
    '<button>Delete me</button></form></section>',
  ].join('');
}
