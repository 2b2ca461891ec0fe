// Cookies that only our very host can set and no script can read. Knows not what they hold.
const isSecure = (baseUrl: string): boolean => baseUrl.startsWith('https:');

/** The prefix makes browsers insist on Secure, Path=/ and our very host; over http they refuse it. */
export const nameOn = (baseUrl: string, name: string): string =>
  isSecure(baseUrl) ? `__Host-${name}` : name;

/** A Set-Cookie header. A life of 0 makes the browser forget it. */
export function setCookie(baseUrl: string, name: string, value: string, lifeSeconds: number): string {
  const secure = isSecure(baseUrl) ? '; Secure' : '';
  return `${nameOn(baseUrl, name)}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${lifeSeconds}${secure}`;
}

/** `header`: the request's Cookie header. Undefined: it has none of that name, or an empty one. */
export function readCookie(baseUrl: string, name: string, header: string | undefined): string | undefined {
  for (const pair of (header ?? '').split(';')) {
    const [key, value] = pair.split('=', 2);
    if (key?.trim() === nameOn(baseUrl, name)) return value?.trim() || undefined;
  }
  return undefined;
}
