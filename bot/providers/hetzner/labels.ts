// Our labels as Hetzner takes them. Knows no call.
import { createHash } from 'node:crypto';
import { labelsFor, type Labels, type ServerOrder } from '../provider.ts';

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
