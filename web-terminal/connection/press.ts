// Something said to the bot, once, however often it has to be sent. Knows nothing of what is said.

const TRIES = 4;
const REST_MS = 1_000;
const TIMEOUT_MS = 15_000;

/** Of one press: whatever is sent with it again is the same. */
export const newKey = (): string =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** Resolves with what went wrong, or nothing. */
export async function press(url: string, key: string, body?: object): Promise<string | undefined> {
  for (let left = TRIES; left > 0; left--) {
    const answer = await send(url, key, body);
    if (answer.isFinal) return answer.message;
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
  }
  return 'Sam does not answer. Try again in a moment.';
}

async function send(
  url: string,
  key: string,
  body: object | undefined,
): Promise<{ isFinal: boolean; message: string | undefined }> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'idempotency-key': key, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const answer = (await response.json().catch(() => ({}))) as { message?: unknown };
    const said = typeof answer.message === 'string' ? answer.message : `It was refused (${response.status}).`;
    return { isFinal: response.status < 500, message: response.ok ? undefined : said };
  } catch {
    return { isFinal: false, message: undefined };
  }
}
