// Takes secrets out of text that leaves us. The one place for it; every front's text goes through here.

const SECRETS: [RegExp, string][] = [
  [/\b(gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})/g, 'github token'],
  [/\bsk-ant-[A-Za-z0-9_-]{10,}/g, 'anthropic key'],
  [/\b(xox[abeprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,})/g, 'slack token'],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/g, 'token'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(-----END [A-Z ]*PRIVATE KEY-----)?/g, 'private key'],
];

const USERINFO = /\b(https?:\/\/)[^\s/@]+@/g;

/** The text with every known kind of secret replaced by its kind in brackets. */
export function redact(text: string): string {
  const clean = SECRETS.reduce((left, [pattern, kind]) => left.replaceAll(pattern, `[${kind}]`), text);
  return clean.replaceAll(USERINFO, '$1');
}
