// `/api/page-settings`: what a person who is signed in wants of the terminal's page, read and changed. Must not know the page.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { BELLS, FONT_SIZES } from '../../../agent/protocol.ts';
import type { Executor } from '../../database/types.ts';
import { fail, isFromOrigin, readJson, sendJson, type Route } from '../../http/routes.ts';
import { changePageSettings, readPageSettings } from '../store/page-settings.ts';
import { isFullSignIn, readSession } from './sessions.ts';

const PATH = '/api/page-settings';
const MAX_BODY_BYTES = 1024;

export interface PageSettingsOptions {
  db: Executor;
  /** The bot as browsers reach it, without a slash at the end. */
  baseUrl: string;
}

type Answering = (user: string, req: IncomingMessage, res: ServerResponse) => Promise<void>;

export function pageSettingsRoutes(options: PageSettingsOptions): Route[] {
  const { db, baseUrl } = options;
  const answer =
    (then: Answering): Route['handle'] =>
    async (req, res) => {
      const isReading = req.method === 'GET' || req.method === 'HEAD';
      if (!isReading && !isFromOrigin(req, new URL(baseUrl).origin))
        return fail(res, 403, 'wrong-origin', 'Only our own page may ask this.', { address: baseUrl });
      const session = await readSession(db, baseUrl, req.headers.cookie);
      // A code lets a browser into one workspace: it is nobody in all others.
      if (!session || !isFullSignIn(session)) return fail(res, 401, 'sign-in-required', 'Sign in first.');
      await then(session.user, req, res);
    };
  const read: Answering = async (user, _req, res) => sendJson(res, 200, await readPageSettings(db, user));
  const change: Answering = async (user, req, res) => {
    if (!/^application\/json(;|$)/i.test(req.headers['content-type'] ?? ''))
      return fail(res, 415, 'wrong-content-type', 'Send application/json.');
    const asked = Settings.safeParse(await readJson(req, MAX_BODY_BYTES));
    if (asked.success) return sendJson(res, 200, await changePageSettings(db, user, asked.data));
    const fields = [
      ...new Set(
        asked.error.issues.flatMap((issue) =>
          issue.code === 'unrecognized_keys' ? issue.keys : issue.path.map(String),
        ),
      ),
    ];
    fail(res, 400, 'bad-request', 'That is nothing that can be set here.', { fields });
  };
  return [
    { method: 'GET', path: PATH, handle: answer(read) },
    { method: 'PATCH', path: PATH, handle: answer(change) },
  ];
}

const size = z.number().int().min(FONT_SIZES.least).max(FONT_SIZES.most);
const Settings = z.strictObject({
  fontSize: size.exactOptional(),
  touchFontSize: size.exactOptional(),
  copyOnSelect: z.boolean().exactOptional(),
  bell: z.enum(BELLS).exactOptional(),
  askLargePaste: z.boolean().exactOptional(),
  shortcuts: z.boolean().exactOptional(),
});
