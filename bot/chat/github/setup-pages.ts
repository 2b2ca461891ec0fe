// The pages of /setup: the form that goes to GitHub, and what came of it. Decides nothing; without scripts of its own.
import type { ServerResponse } from 'node:http';
import { escape, sendHtml, sendPage } from '../../access/people/sign-in-pages.ts';
import type { Manifest } from '../../forges/github/manifest.ts';

/** For a wrong code, a spent one and none. */
export const sendNothing = (res: ServerResponse): void =>
  sendPage(res, {
    status: 404,
    title: 'There is nothing here',
    text: 'If you are setting Sam up: the address of this page is in its banner, with a code that holds until the next start.',
    takesCode: true,
  });

export const sendObstacles = (res: ServerResponse, obstacles: string[]): void =>
  sendHtml(res, {
    status: 200,
    title: 'Not yet: Sam would not start with GitHub on',
    main:
      '<p>Mend this in its environment first, start it again, and open the address that the banner shows then:</p>' +
      `<ul>${obstacles.map((obstacle) => `<li>${withCode(obstacle)}</li>`).join('')}</ul>`,
  });

export interface Form {
  action: string;
  manifest: Manifest;
  organization: string | undefined;
  isWrongOrganization: boolean;
  /** `github.com`. */
  host: string;
  file: string;
}

export function sendForm(res: ServerResponse, form: Form): void {
  const { manifest, action } = form;
  const permissions = Object.entries(manifest.default_permissions);
  sendHtml(res, {
    status: 200,
    title: 'Connect Sam to GitHub',
    takesCode: true,
    formTargets: [new URL(action).origin],
    main: [
      `<p>This makes a GitHub App of your own at ${escape(form.host)}. You see it there before it is made, and may change its name.</p>`,
      '<dl>',
      `<dt>GitHub tells it of comments and labels at</dt><dd><code>${escape(manifest.hook_attributes.url)}</code></dd>`,
      '<dt>On the repositories where you install it, it may</dt><dd>',
      permissions.map(([name, level]) => `<code>${escape(`${name}: ${level}`)}</code>`).join(' '),
      `</dd><dt>Its keys go to a file that only Sam’s user can read</dt><dd><code>${escape(form.file)}</code></dd></dl>`,
      describeReach(manifest.url),
      '<div class="actions">',
      `<form method="post" action="${escape(action)}"><input type="hidden" name="manifest" value="${escape(JSON.stringify(manifest))}">`,
      `<button class="main">Create the App ${form.organization ? `in ${escape(form.organization)}` : 'in my account'}</button></form></div>`,
      form.organization ? '' : ORGANIZATION_FORM,
      form.isWrongOrganization ? '<p class="wrong">That is no name that an organization can have.</p>' : '',
    ].join(''),
  });
}

const ORGANIZATION_FORM =
  '<form class="other" method="get" action="/setup">' +
  '<label>Or in an organization, by its name: <input name="org" required maxlength="39" autocomplete="off" placeholder="acme"></label>' +
  '<button>Go on with it</button></form>';

/** Where an address that others cannot reach was allowed. */
function describeReach(baseUrl: string): string {
  const { protocol, hostname } = new URL(baseUrl);
  if (protocol === 'https:' && hostname !== 'localhost') return '';
  return `<p class="wrong">GitHub has to reach <code>${escape(baseUrl)}</code> from outside, which it cannot unless it runs on this machine: set <code>BASE_URL</code> to the public https address first.</p>`;
}

export const sendFailure = (
  res: ServerResponse,
  { isFinal, again }: { isFinal: boolean; again: string },
): void =>
  sendPage(
    res,
    isFinal
      ? {
          status: 400,
          title: 'GitHub made no App',
          text: 'The code that it sent back was used already, or is older than an hour. Nothing was written down. If GitHub shows a new App in its settings, delete it there, and begin again.',
          next: { label: 'Begin again', href: again },
        }
      : {
          status: 503,
          title: 'GitHub does not answer',
          text: 'The App may be made, but its keys did not arrive. Reload this page in a minute; the code that it sent back lives for an hour.',
        },
  );

export function sendSuccess(
  res: ServerResponse,
  { slug, installUrl, file }: { slug: string; installUrl: string; file: string },
): void {
  sendHtml(res, {
    status: 200,
    title: `The App ${slug} is made`,
    main: [
      `<p>Its keys are in <code>${escape(file)}</code>. Variables of the environment win over that file; several bots that share a database each need them.</p>`,
      '<ol><li>Start Sam again: GitHub is on from then, and this page is gone.</li>',
      '<li>Install the App on your repositories.</li>',
      '<li>Comment <code>/sam up</code> on a pull request or issue.</li></ol>',
      `<div class="actions"><a href="${escape(installUrl)}">Install it on GitHub</a></div>`,
    ].join(''),
  });
}

/** `` `so` `` becomes code. */
const withCode = (text: string): string => escape(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');
