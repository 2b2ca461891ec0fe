// What Hetzner shows of a server, its labels among it, and what we make of it. Knows no call.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { fault } from './errors.ts';
import { type Labels, type Server, labelsFor, type ServerOrder } from '../provider.ts';

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

/** https://docs.hetzner.cloud/reference/cloud#labels; an empty value would be taken, and say nothing. */
const VALUE = /^[a-z0-9A-Z]([a-z0-9A-Z._-]{0,61}[a-z0-9A-Z])?$/;
/** What stands for an id that is no value. An id of this form is replaced too, or two ids could share a value. */
const STAND_IN = /^x-[0-9a-f]{40}$/;

/** Each id has a value of its own: itself, as all ids of ours do, or a hash of it. */
export function toLabelValue(id: string): string {
  if (VALUE.test(id) && !STAND_IN.test(id)) return id;
  return `x-${createHash('sha256').update(id).digest('hex').slice(0, 40)}`;
}

export function toLabels(installation: string, order: Pick<ServerOrder, 'node' | 'owner'>): Labels {
  const labels = labelsFor(installation, order);
  return {
    'managed-by': labels['managed-by'],
    'sam-installation': toLabelValue(labels['sam-installation']),
    'sam-node': toLabelValue(labels['sam-node']),
    'sam-owner': toLabelValue(labels['sam-owner']),
  };
}

export function isOurs(installation: string, labels: Record<string, string | undefined>): boolean {
  const isComplete = Boolean(labels['sam-node'] && labels['sam-owner']);
  return isInstallations(installation, labels) && isComplete;
}

/** Also true of what belongs to no node, such as the firewall. */
export function isInstallations(installation: string, labels: Record<string, string | undefined>): boolean {
  return labels['managed-by'] === 'sam' && labels['sam-installation'] === toLabelValue(installation);
}

/** The part of the labels that all of an installation have in common, as a filter. */
export const selectorFor = (installation: string): string =>
  `managed-by==sam,sam-installation==${toLabelValue(installation)}`;
