// Whether a delivery was signed with one of our secrets. Knows nothing of what it says.
import { verify, verifyWithFallback } from '@octokit/webhooks-methods';

/** `signature`: the header `X-Hub-Signature-256`. A missing or malformed one is a wrong one. */
export async function isSigned(
  raw: string,
  signature: string | undefined,
  [secret, ...older]: string[],
): Promise<boolean> {
  if (!secret || !signature || !/^sha256=[0-9a-f]{64}$/.test(signature)) return false;
  return older.length === 0
    ? verify(secret, raw, signature)
    : verifyWithFallback(secret, raw, signature, older);
}
