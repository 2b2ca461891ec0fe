// The page with all that is kept of what a command line wrote, as plain text, for those who may open the workspace's terminal. Sends
// nothing to a chat.
import { plain } from '../../commands/parser/format.ts';
import type { ServerResponse } from 'node:http';
import { signInPath } from '../../access/people/sign-in-attempts.ts';
import { sendPage } from '../../access/people/sign-in-pages.ts';
import { redact } from '../../../agent/redact.ts';
import type { Refusal } from '../../access/terminal-token.ts';
import type { Executor } from '../../database/types.ts';
import type { Route } from '../../http/routes.ts';
import { readTexts } from '../../tasks/store/events.ts';
import { findTurn } from '../../tasks/store/turns.ts';
import { wordGap, wordOutputPage } from '../wording.ts';
import { findVisitor, type VisitorOptions } from './visitors.ts';

/** `turn`: `tk-…/1`. */
export const outputPath = (workspace: string, turn: string): string => `/w/${workspace}/runs/${turn}`;

const TURN = /^tk-[a-z2-7]{12}\/[1-9]\d{0,8}$/;

export const outputRoute = (options: VisitorOptions): Route => ({
  method: 'GET',
  path: outputPath(':workspace', ':task/:turn'),
  async handle(req, res, { workspace = '', task = '', turn = '' }) {
    const visitor = await findVisitor(options, req, workspace);
    if ('refusal' in visitor)
      return refuse(options, res, visitor.refusal, outputPath(workspace, `${task}/${turn}`));
    const text = await readOutput(options.db, workspace, `${task}/${turn}`);
    if (text === undefined) return sendPage(res, { status: 404, ...wordOutputPage('gone') });
    res
      .writeHead(200, {
        'content-type': 'text/plain; charset=utf-8',
        'content-length': Buffer.byteLength(text),
        'cache-control': 'no-store',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
      })
      .end(req.method === 'HEAD' ? undefined : text);
  },
});

function refuse(
  { forges }: VisitorOptions,
  res: ServerResponse,
  { status, message, extra }: Refusal,
  path: string,
): void {
  const href = extra?.['signIn'] === undefined ? undefined : signInPath(forges, path);
  const next = href === undefined ? {} : { next: { label: 'Sign in', href } };
  sendPage(res, { status, ...wordOutputPage('refused', message), ...next });
}

/** Undefined: there is none of that workspace, or nothing is left of it. */
async function readOutput(db: Executor, workspace: string, subject: string): Promise<string | undefined> {
  const found = TURN.test(subject) ? await findTurn(db, subject) : undefined;
  if (found?.workspace.id !== workspace || found.turn.agent !== 'shell') return undefined;
  const texts = await readTexts(db, found.turn);
  if (texts.length === 0) return undefined;
  const part = (name: string): string =>
    texts.map(({ message, text }) => (message === name ? text : '')).join('');
  const { skipped = 0 } = found.turn.progress.exit ?? {};
  const gap = skipped > 0 ? `\n${wordGap(skipped)}\n\n` : '';
  return `$ ${plain(redact(found.turn.prompt), 4_000)}\n\n${part('head')}${gap}${part('tail')}`;
}
