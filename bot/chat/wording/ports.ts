// What listens in a workspace, as its card says it. Knows no front and no row.
import type { CardView } from '../view.ts';

/** A card is no list: `ports` says all of them. */
const MOST = 5;

/** Empty: nothing does. `link`: how an address is written, where one reads it. */
export function wordPorts(
  ports: CardView['ports'] = [],
  link: (port: number, address: string) => string = (port, address) => `${port} (${address})`,
): string {
  if (ports.length === 0) return '';
  const shown = ports
    .slice(0, MOST)
    .map(({ port, address }) => (address ? link(port, address) : String(port)));
  const more = ports.length > MOST ? ` and ${ports.length - MOST} more` : '';
  return `${ports.length === 1 ? 'Port' : 'Ports'} ${shown.join(', ')}${more}`;
}
