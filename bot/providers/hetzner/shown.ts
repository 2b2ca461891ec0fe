// What Hetzner shows of a server, and what we make of it. Knows no call.
import { z } from 'zod';
import { fault } from './errors.ts';
import type { Labels, Server } from '../provider.ts';

/** No `datacenter`: Hetzner took it away. */
export const serverShape = z.object({
  id: z.number().int(),
  name: z.string(),
  status: z.string(),
  created: z.string().transform((text, context) => {
    const date = new Date(text);
    if (Number.isNaN(date.getTime())) context.addIssue('no date');
    return date;
  }),
  labels: z.record(z.string(), z.string()),
  public_net: z
    .object({
      ipv4: z.object({ ip: z.string() }).nullish(),
      ipv6: z.object({ ip: z.string() }).nullish(),
    })
    .nullish(),
});

export const oneShape = z.object({ server: serverShape });

export type Shown = z.infer<typeof serverShape>;

export function toServer({ id, name, status, created, labels, public_net: net }: Shown): Server {
  const address = net?.ipv4?.ip ?? net?.ipv6?.ip.replace(/::\/64$/, '::1');
  return {
    id: String(id),
    name,
    status: toStatus(status),
    createdAt: created,
    labels: labels as Record<string, string> & Labels,
    ...(address !== undefined && { address }),
  };
}

/** A state that we do not know is not "off": whether the machine answers is for its heartbeat to say. */
function toStatus(status: string): Server['status'] {
  switch (status) {
    case 'initializing':
    case 'starting':
    case 'rebuilding':
    case 'migrating':
      return 'starting';
    case 'off':
      return 'off';
    case 'deleting':
      return 'removing';
    default:
      return 'running';
  }
}

export function refuseBadName(operation: string, name: string): void {
  if (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) return;
  throw fault(operation, { retryable: false }, 'this is no name for a server.');
}
