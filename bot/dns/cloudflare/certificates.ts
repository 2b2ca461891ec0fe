// Certificates that Cloudflare's edge trusts. Knows no record, and no key.
import { X509Certificate } from 'node:crypto';
import { limits, unreadable, type Operation, type Zone } from './client.ts';
import { fault } from './errors.ts';
import type { Certificate } from '../dns.ts';

/** One of the lifetimes that Cloudflare offers. Nodes live for days; one that lives longer asks in time. */
const CERTIFICATE_DAYS = 90;

export async function issueCertificate(
  { client, domain }: Zone,
  operation: Operation,
  csr: string,
  hostnames: string[],
): Promise<Certificate> {
  const isBelow = (name: string) => name.toLowerCase().endsWith(`.${domain}`) && !name.includes('*');
  if (hostnames.length === 0 || !hostnames.every(isBelow))
    throw fault(operation.name, { retryable: false }, `these are no names below ${domain}.`);
  const made = await client.originCACertificates.create(
    { csr, hostnames, request_type: 'origin-ecc', requested_validity: CERTIFICATE_DAYS },
    limits(operation),
  );
  return toCertificate(operation, made);
}

/** The times come from the certificate itself: the API has written its own in more than one way. */
function toCertificate(
  operation: Operation,
  made: { id?: string; certificate?: string } | null,
): Certificate {
  const { id, certificate } = made ?? {};
  if (!id || !certificate) throw unreadable(operation);
  try {
    const { validFromDate, validToDate } = new X509Certificate(certificate);
    return { id, certificate, issuedAt: validFromDate, expiresAt: validToDate };
  } catch {
    throw unreadable(operation);
  }
}
