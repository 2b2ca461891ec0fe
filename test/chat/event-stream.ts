// Reads server-sent events as a browser does: each by its name, in order. Tests nothing.

export interface Events {
  /** The data of the next one of that name, parsed; those of other names before it are passed over. */
  next(name: string): Promise<Record<string, unknown>>;
  /** How many of that name came so far. */
  seen(name: string): number;
  /** The other side ended it. */
  ended: Promise<void>;
  close(): void;
}

export async function openEvents(url: string, headers: Record<string, string>): Promise<Events> {
  const ending = new AbortController();
  const response = await fetch(url, {
    headers: { accept: 'text/event-stream', ...headers },
    signal: ending.signal,
  });
  if (response.status !== 200 || !response.body) throw new Error(`no stream: ${response.status}`);
  const names: string[] = [];
  const waiting: { name: string; take: (data: Record<string, unknown>) => void }[] = [];
  const unread: { name: string; data: Record<string, unknown> }[] = [];
  const take = (text: string): void => {
    const name = /^event: (.*)$/m.exec(text)?.[1] ?? '';
    const data = JSON.parse(/^data: ?(.*)$/m.exec(text)?.[1] || '{}') as Record<string, unknown>;
    names.push(name);
    const at = waiting.findIndex((one) => one.name === name);
    if (at >= 0) waiting.splice(at, 1)[0]?.take(data);
    else unread.push({ name, data });
  };
  return {
    next(name) {
      const at = unread.findIndex((one) => one.name === name);
      if (at >= 0) return Promise.resolve(unread.splice(0, at + 1).at(-1)?.data ?? {});
      return new Promise((resolve) => waiting.push({ name, take: resolve }));
    },
    seen: (name) => names.filter((one) => one === name).length,
    ended: read(response.body, take),
    close: () => ending.abort(),
  };
}

async function read(body: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
  let text = '';
  try {
    for await (const piece of body.pipeThrough(new TextDecoderStream())) {
      text += piece;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      blocks.forEach(take);
    }
  } catch {
    // Closed by the test.
  }
}
