// The way to Cloudflare: its client without what it would read or try by itself, and the time of an operation.
// Knows no record.
import Cloudflare from 'cloudflare';
import { fault } from './errors.ts';

export interface CloudflareOptions {
  token: string;
  zoneId: string;
  /** `https://api.cloudflare.com/client/v4` if not given. */
  baseUrl?: string | undefined;
  /** Nodes are names below it. */
  domain: string;
  /** Whose records are ours; letters, digits and hyphens. */
  installation: string;
  /** How long one operation may take, with all its calls. */
  timeoutMs: number;
}

export interface Zone extends CloudflareOptions {
  client: Cloudflare;
}

/** One operation: its name for errors, and when all its calls must have ended. */
export interface Operation {
  name: string;
  endsAt: number;
}

const API = 'https://api.cloudflare.com/client/v4';

/** What is not given is said to be nothing, or the SDK reads it from the environment. */
export function connect({
  token,
  baseUrl = API,
  timeoutMs,
}: Pick<CloudflareOptions, 'token' | 'baseUrl' | 'timeoutMs'>): Cloudflare {
  return new Cloudflare({
    apiToken: token,
    apiKey: null,
    apiEmail: null,
    userServiceKey: null,
    baseURL: baseUrl.replace(/\/+$/, ''),
    maxRetries: 0,
    timeout: timeoutMs,
    logLevel: 'off',
    fetchOptions: { redirect: 'manual' },
  });
}

export function limits({ name, endsAt }: Operation): { timeout: number; signal: AbortSignal } {
  const leftMs = Math.ceil(endsAt - performance.now());
  if (leftMs <= 0) throw fault(name, { retryable: true, hadNoEffect: false }, 'no time was left for it.');
  // The SDK's time-out ends with the headers.
  return { timeout: leftMs, signal: AbortSignal.timeout(leftMs) };
}

export const unreadable = ({ name }: Operation) =>
  fault(name, { retryable: true, hadNoEffect: false }, 'Cloudflare sent no answer we can read.');
