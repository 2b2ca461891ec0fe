// What listens in the workspace, as a quiet entry in the bar for each: a link that opens it in a tab of its own. Knows no terminal.
import { createListener, type Listener } from '../connection/listener.ts';
import { createElement, getElement } from '../dom.ts';

interface Port {
  port: number;
  address: string;
}

/** The bar is short; all of them are in the chat. */
const MOST = 3;

export function createPorts(workspace: string): Listener {
  const bar = getElement('ports');
  const take = (text: string): boolean => {
    const ports = readPorts(text);
    if (ports) draw(bar, ports);
    return ports !== undefined;
  };
  const listener = createListener({
    address: () => `/w/${encodeURIComponent(workspace)}/ports`,
    event: 'ports',
    take,
    onOver: () => draw(bar, []),
  });
  return {
    start: listener.start,
    stop() {
      listener.stop();
      draw(bar, []);
    },
  };
}

function draw(bar: HTMLElement, ports: Port[]): void {
  bar.hidden = ports.length === 0;
  bar.replaceChildren(
    ...ports.slice(0, MOST).map(({ port, address }) => {
      const link = createElement('a', {
        text: String(port),
        attributes: { target: '_blank', rel: 'noopener', title: `Port ${port}, in a new tab` },
      });
      link.href = address;
      return link;
    }),
  );
}

/** Undefined: that is none of ours. */
function readPorts(text: string): Port[] | undefined {
  try {
    const { ports } = JSON.parse(text) as { ports?: Port[] };
    return Array.isArray(ports) ? ports.filter(({ address }) => /^https?:\/\//.test(address)) : undefined;
  } catch {
    return undefined;
  }
}
