// Small pages: what happened, and the one thing to do. Without scripts, but for one that takes a code out of the address. Knows
// no person and decides nothing.
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isFromOrigin, readBody, sendJson, type Route } from '../../http/routes.ts';

export interface CalmPage {
  status: number;
  title: string;
  text: string;
  /** To copy into the chat. */
  command?: string;
  /** The next step, a path of ours. */
  next?: Link | undefined;
  /** Instead of it, where there is a choice. */
  choices?: Link[];
  /** Buttons that change something; each is a POST to a path of ours. */
  posts?: { label: string; action: string }[];
  /** Links with a code lead here: see `codeRoute`. */
  takesCode?: boolean;
}

export interface Link {
  label: string;
  href: string;
}

const STYLE = `
:root{color-scheme:light dark;--back:#f1f1ec;--front:#22282f;--soft:#5b6570;--line:#c9ccc8;--key:#1f6f5c;--on:#fff}
@media(prefers-color-scheme:dark){:root{--back:#161b21;--front:#dfe4e8;--soft:#9aa5af;--line:#39424b;--key:#7fd1b9;--on:#10211c}}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--back);color:var(--front);font:16px/1.5 system-ui,sans-serif}
main{max-width:34rem;padding:2rem}h1{font-size:1.25rem;margin:0 0 .5rem}p{margin:0 0 1rem;color:var(--soft)}
code{color:var(--front);font:14px ui-monospace,monospace;padding:.4rem .6rem;border:1px solid var(--line);border-radius:6px;user-select:all}
.actions{display:flex;gap:.75rem;flex-wrap:wrap;margin-top:1.5rem}form{margin:0}
a,button{font:inherit;padding:.5rem 1rem;border-radius:6px;border:1px solid var(--line);background:none;color:var(--front);text-decoration:none;cursor:pointer}
a,button.main{background:var(--key);border-color:var(--key);color:var(--on)}
a.plain{background:none;border-color:var(--line);color:var(--front)}
dl{margin:0 0 1rem}dt{color:var(--soft)}dd{margin:.35rem 0 1rem;overflow-wrap:anywhere}dd code{display:inline-block;margin:.2rem 0}
ul,ol{color:var(--soft);padding-left:1.25rem}li{margin:0 0 .75rem}p code,li code{padding:.1rem .35rem}
.other{margin-top:2rem;padding-top:1.25rem;border-top:1px solid var(--line);color:var(--soft);display:flex;gap:.75rem;flex-wrap:wrap;align-items:end}
input{font:inherit;padding:.45rem .6rem;border-radius:6px;border:1px solid var(--line);background:none;color:var(--front);display:block;margin-top:.35rem}
.own{margin-top:1.25rem;padding-top:1.25rem;border-top:1px solid var(--line)}.own h2{font-size:1rem;margin:0 0 .25rem}.own input{box-sizing:border-box;width:100%;margin:0 0 .6rem}.own label{color:var(--soft)}.own .actions{margin-top:.5rem}
.wide{max-width:62rem}.wide h2{font-size:1rem;margin:1.75rem 0 .5rem}nav{display:flex;gap:.75rem;flex-wrap:wrap;margin:1rem 0}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.95rem}caption{text-align:left;color:var(--soft);padding:.25rem 0}
th,td{text-align:left;padding:.4rem .75rem .4rem 0;border-bottom:1px solid var(--line);vertical-align:top}th{color:var(--soft);font-weight:500}
td form{display:inline-block;margin:0 .4rem .3rem 0}td button,td a{padding:.15rem .6rem}svg{display:block;max-width:100%;color:var(--key)}
select{font:inherit;padding:.45rem .6rem;border-radius:6px;border:1px solid var(--line);background:var(--back);color:var(--front);display:block;margin-top:.35rem}
.row{display:flex;gap:.75rem;flex-wrap:wrap;align-items:end;margin:.75rem 0}.row label{color:var(--soft)}
.wrong{margin-top:1rem;border-left:3px solid var(--key);padding-left:.75rem}`;

const headers = (formTargets: string[], takesCode: boolean) => ({
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': [
    "default-src 'none'",
    `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
    ...(takesCode ? ["script-src 'self'", "connect-src 'self'"] : []),
    "base-uri 'none'",
    ["form-action 'self'", ...formTargets].join(' '),
    "frame-ancestors 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  // With no-referrer a browser would post our own forms with `Origin: null`.
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
});

export const sendPage = (res: ServerResponse, page: CalmPage): void =>
  sendHtml(res, { ...page, main: render(page) });

export interface HtmlPage {
  status: number;
  title: string;
  /** What stands below the title; whoever makes it has escaped what is not its own. */
  main: string;
  /** Other origins that its forms may lead to. */
  formTargets?: string[];
  takesCode?: boolean | undefined;
  /** It has tables. */
  isWide?: boolean;
}

export function sendHtml(res: ServerResponse, page: HtmlPage): void {
  const { status, formTargets = [], takesCode = false } = page;
  const html = frame(page);
  const length = { 'content-length': Buffer.byteLength(html) };
  res
    .writeHead(status, { ...headers(formTargets, takesCode), ...length })
    .end(res.req.method === 'HEAD' ? undefined : html);
}

/** `to`: an absolute address. */
export function redirect(res: ServerResponse, to: string): void {
  const kept = { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' };
  res.writeHead(303, { location: to, 'content-length': 0, ...kept }).end();
}

function render({ text, command, next, choices = next ? [next] : [], posts = [] }: CalmPage): string {
  const copy = command === undefined ? '' : `<p><code>${escape(command)}</code></p>`;
  // One button is what the page is for; several are a choice.
  const isFor = posts.length === 1;
  const forms = posts.map(
    ({ label, action }) =>
      `<form method="post" action="${escape(action)}"><button${isFor ? ' class="main"' : ''}>${escape(label)}</button></form>`,
  );
  const links = choices.map(
    ({ label, href }) => `<a${isFor ? ' class="plain"' : ''} href="${escape(href)}">${escape(label)}</a>`,
  );
  return `<p>${escape(text)}</p>${copy}<div class="actions">${[...forms, ...links].join('')}</div>`;
}

const frame = ({ title, main, takesCode, isWide = false }: HtmlPage): string =>
  '<!doctype html><html lang="en"><head><meta charset="utf-8">' +
  '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">' +
  `<title>${escape(title)} · Sam</title><style>${STYLE}</style>${takesCode ? `<script src="${SCRIPT_PATH}"></script>` : ''}</head>` +
  `<body><main${isWide ? ' class="wide"' : ''}><h1>${escape(title)}</h1>${main}</main></body></html>\n`;

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export const escape = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => entities[character] ?? '');

const SCRIPT_PATH = '/take-code.js';

/** A code in a fragment reaches no server, no log and no previewer by itself. The page is not shown before it is spent. */
const SCRIPT = `async function take() {
  const code = location.hash.slice(1);
  if (!code) return;
  document.documentElement.hidden = true;
  history.replaceState(null, '', location.pathname + location.search);
  try {
    const answer = await fetch(location.pathname + '/code', { method: 'POST', body: code });
    location.replace((await answer.json()).next);
  } catch {
    document.documentElement.hidden = false;
  }
}
addEventListener('hashchange', take);
take();
`;

export const codeScriptRoute: Route = {
  method: 'GET',
  path: SCRIPT_PATH,
  handle: (_req, res) =>
    void res
      .writeHead(200, {
        'content-type': 'text/javascript; charset=utf-8',
        'content-length': Buffer.byteLength(SCRIPT),
        'cache-control': 'no-cache',
        'x-content-type-options': 'nosniff',
      })
      .end(res.req.method === 'HEAD' ? undefined : SCRIPT),
};

const MAX_CODE_BYTES = 200;

/**
 * `POST <path>/code`: what the page at `path` found in its fragment. `take` sets a cookie if it is good, and says where the
 * browser goes on, a path of ours.
 */
export const codeRoute = (
  baseUrl: string,
  path: string,
  take: (code: string, req: IncomingMessage, res: ServerResponse) => Promise<string> | string,
): Route => ({
  method: 'POST',
  path: `${path}/code`,
  async handle(req, res) {
    const isOurs = isFromOrigin(req, new URL(baseUrl).origin);
    const code = (await readBody(req, MAX_CODE_BYTES)).toString('utf8');
    sendJson(res, isOurs ? 200 : 403, { next: isOurs ? await take(code, req, res) : path });
  },
});

/** For a workspace that is unknown, deleted or not theirs, and for a link that is outdated: the same bytes. */
export const noSuchWorkspace = (command: string): CalmPage => ({
  status: 404,
  title: 'No such workspace',
  text: 'It was deleted, it is not yours to open, or this link is outdated. Where you started it, this brings a new link:',
  command,
  next: { label: 'Who is signed in here?', href: '/login' },
});
