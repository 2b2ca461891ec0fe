// How the ports of workspaces are called: `https://<port>--<workspace>.PORTS_DOMAIN/`. Pure; knows no row and no socket.

/** One port of one workspace; that it is named says nothing of whether it is there. */
export interface PortName {
  /** Its id. */
  workspace: string;
  port: number;
}

export interface PortAddresses {
  /** `http://3000--ws-….localhost:8080`, without a slash at the end. */
  origin: (name: PortName) => string;
  /** What the `Host` of a request names. Undefined: it is none of ours. `unknown`: no port has that name. */
  read: (host: string | undefined) => PortName | 'unknown' | undefined;
  /** The same of an origin, as browsers write it. */
  readOrigin: (origin: string) => PortName | undefined;
}

const LABEL = /^([1-9]\d{0,4})--(ws-[a-z2-7]{12})$/;
const MAX_PORT = 65_535;

/** `domain`: PORTS_DOMAIN. Scheme and port are those of BASE_URL. */
export function createPortAddresses(domain: string, baseUrl: string): PortAddresses {
  const { protocol, port: ownPort, host: ownHost } = new URL(baseUrl);
  const behind = ownPort === '' ? '' : `:${ownPort}`;
  const origin = ({ workspace, port }: PortName) => `${protocol}//${port}--${workspace}.${domain}${behind}`;
  const read: PortAddresses['read'] = (host = '') => {
    // What stands behind the colon is the way by which it came, not whom it is for. One dot at the end is the same host.
    const name = host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
    if (!name.endsWith(`.${domain}`) || host.toLowerCase() === ownHost) return undefined;
    const [, digits = '', workspace = ''] = LABEL.exec(name.slice(0, -domain.length - 1)) ?? [];
    const port = Number(digits);
    return workspace !== '' && port <= MAX_PORT ? { workspace, port } : 'unknown';
  };
  return {
    origin,
    read,
    readOrigin(text) {
      const name = read(URL.parse(text)?.host);
      return typeof name === 'object' && origin(name) === text ? name : undefined;
    },
  };
}

const isLocal = (host: string): boolean => /^(localhost|.*\.localhost|127\..*|\[::1\])$/.test(host);

/** Where there is none said: names below `localhost` are this machine's own in every browser. Else somebody has to set up one. */
export const defaultDomain = (baseUrl: string): string | undefined =>
  isLocal(new URL(baseUrl).hostname) ? 'localhost' : undefined;

/** A host name as people write it, with at least one dot or `localhost`. */
export function parseDomain(value: string): string | undefined {
  const name = value
    .toLowerCase()
    .replace(/^\*?\./, '')
    .replace(/\.$/, '');
  const isName =
    /^(?=.{1,200}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/.test(name);
  return isName && (name.includes('.') || name === 'localhost') && !/^[\d.]+$/.test(name) ? name : undefined;
}

/** Why what runs in workspaces must not be called so; undefined: it may. */
export function whyMixed(domain: string, baseUrl: string): string | undefined {
  const { hostname, protocol } = new URL(baseUrl);
  // No browser takes a cookie for all of these.
  if (domain === 'localhost') return undefined;
  if (domain === hostname || hostname.endsWith(`.${domain}`))
    return `PORTS_DOMAIN is \`${domain}\`, which ${domain === hostname ? 'is the host' : 'is a parent of the host'} of BASE_URL (\`${hostname}\`): programs of workspaces could set cookies for Sam's own pages. Take a domain of its own, such as \`sam-ports.example.net\``;
  if (domain.endsWith(`.${hostname}`) && protocol !== 'https:')
    return `PORTS_DOMAIN is \`${domain}\`, below the host of BASE_URL (\`${hostname}\`): without https programs of workspaces could set cookies for Sam's own pages. Take a domain of its own, or https`;
  return undefined;
}
