// Cuts secrets out of text before anyone else sees it: the one list, for agent and bot. Pure; imports nothing. It masks too
// much rather than too little.

/** JSON Web Tokens, also behind a `_`: three parts, base64url. Bounded, as is all that may begin anywhere: one word may be the whole text. */
const JWT = String.raw`eyJ[\w-]{6,9000}\.[\w-]{6,9000}\.[\w-]{6,}`;

const SECRETS: [RegExp, string][] = [
  // Since April 2026 an installation's token is `ghs_<app id>_<JWT>`, about 520 characters.
  [
    new RegExp(
      String.raw`(?<![A-Za-z0-9])(?:gh[pousr]_(?:\d+_${JWT}|[A-Za-z0-9]{6,})|github_pat_\w{16,})`,
      'g',
    ),
    '[github token]',
  ],
  [/glpat-[\w-]{16,}(?:\.[\w-]+)*/g, '[gitlab token]'],
  [/sk-ant-[\w-]{10,}/g, '[anthropic key]'],
  [/(?<![A-Za-z0-9])sk-[\w-]{20,}/g, '[openai key]'],
  [/(?:xox[abeprs](?:\.xox[abeprs])?|xapp)-[A-Za-z0-9-]{10,}/g, '[slack token]'],
  // A workspace's own, for models.
  [/samws_[a-z2-7]{12}_[\w-]{16,}/g, '[workspace token]'],
  [/sam_pat_[\w-]{16,}/g, '[sam token]'],
  // A one-time code in the address of a terminal, or of somebody's own page.
  [/(\/(?:w\/ws-[a-z2-7]{12}|settings)#)[\w-]{16,}/g, '$1[code]'],
  [new RegExp(JWT, 'g'), '[token]'],
  // Hetzner's: no prefix, 64 of all three kinds of characters; a hash is in one case.
  [
    /(?<![A-Za-z0-9])(?=[A-Za-z]*\d)(?=[a-z\d]*[A-Z])(?=[A-Z\d]*[a-z])[A-Za-z0-9]{64}(?![A-Za-z0-9])/g,
    '[token]',
  ],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?/g, '[private key]'],
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, '$1 [token]'],
  // `https://user:password@host`, `https://token@host`
  [/([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/@"']+@/gi, '$1***@'],
];

/** The text with every known kind of secret replaced by its kind in brackets; one that has colours within it costs the text all of them. */
export function redact(text: string): string {
  const bare = withoutColours(text);
  const clean = mask(bare);
  return bare === text || clean !== bare ? clean : mask(text);
}

const mask = (text: string): string =>
  SECRETS.reduce((left, [pattern, instead]) => left.replace(pattern, instead), text);

// oxlint-disable-next-line no-control-regex
const COLOURS = /\x1b\[[0-9;:]*m/g;

/** For whoever shows no colours. */
export const withoutColours = (text: string): string => text.replace(COLOURS, '');
