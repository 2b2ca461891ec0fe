// A browser without scripts, for the pages that Slack's people are led to: it keeps our cookies and goes where it is sent.
export interface Visit {
  status: number;
  text: string;
  location: string | undefined;
}

export interface Browser {
  /** One request; no redirect is followed. */
  visit(to: string, init?: RequestInit): Promise<Visit>;
  /** Goes where it is sent, up to the page at the end. */
  follow(to: string): Promise<Visit>;
}

export function createBrowser(origin: string): Browser {
  const cookies = new Map<string, string>();
  const visit = async (to: string, init: RequestInit = {}): Promise<Visit> => {
    const url = new URL(to, origin);
    const isOurs = url.origin === origin;
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...(init.headers as Record<string, string>), ...(isOurs && cookie ? { cookie } : {}) };
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    for (const line of isOurs ? response.headers.getSetCookie() : []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/Max-Age=0(;|$)/.test(line)) cookies.delete(name);
      else cookies.set(name, value);
    }
    return {
      status: response.status,
      text: await response.text(),
      location: response.headers.get('location') ?? undefined,
    };
  };
  return {
    visit,
    async follow(to) {
      const { pathname, hash } = new URL(to, origin);
      // As the script of the page does.
      const code = { method: 'POST', body: hash.slice(1), headers: { origin } };
      const taken = hash ? await visit(`${pathname}/code`, code) : undefined;
      let page = await visit(taken ? (JSON.parse(taken.text) as { next: string }).next : to);
      for (let step = 0; page.location && step < 10; step++) page = await visit(page.location);
      return page;
    },
  };
}

export const titleOf = ({ text }: Visit): string => /<h1>(.*?)<\/h1>/.exec(text)?.[1] ?? text;
