// When two spellings are one address. Asks nobody.
import { isIP } from 'node:net';

/** IPv6 has many spellings. */
export const isSameAddress = (one: string, other: string): boolean =>
  isIP(one) === isIP(other) && (isIP(one) === 6 ? canonical(one) === canonical(other) : one === other);

const canonical = (address: string): string => new URL(`http://[${address}]`).hostname;
