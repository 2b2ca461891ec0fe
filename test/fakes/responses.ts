// What a model of OpenAI's answers, as the events of its Responses API; for the server of model.ts.
import type { ServerResponse } from 'node:http';

export type Item = { type: string } & Record<string, unknown>;

let last = 0;
const idOf = (kind: string): string => `${kind}_${++last}`;

export const writes = (text: string): Item => ({
  type: 'message',
  id: idOf('msg'),
  role: 'assistant',
  content: [{ type: 'output_text', text }],
});

/** Of Codex: a script of calls of its tools. */
export const runs = (script: string): Item => ({
  type: 'custom_tool_call',
  id: idOf('ctc'),
  call_id: idOf('call'),
  name: 'exec',
  input: script,
});

export const runsCommand = (cmd: string): Item =>
  runs(`text(await tools.exec_command(${JSON.stringify({ cmd })}));`);

export const patches = (patch: string): Item =>
  runs(`text(await tools.apply_patch(${JSON.stringify(patch)}));`);

/** 100 tokens in, 20 of them of the cache, 7 out. */
const USAGE = {
  input_tokens: 100,
  input_tokens_details: { cached_tokens: 20 },
  output_tokens: 7,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 107,
};

/** A whole answer, streamed. */
export function sendResponse(res: ServerResponse, items: Item[]): void {
  const id = idOf('resp');
  const events: Item[] = [
    { type: 'response.created', response: { id } },
    ...items.flatMap((item, output_index) => [
      ...(item.type === 'message' ? deltasOf(item, output_index) : []),
      { type: 'response.output_item.done', output_index, item },
    ]),
    { type: 'response.completed', response: { id, usage: USAGE } },
  ];
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const event of events) res.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  res.end();
}

function deltasOf(item: Item, output_index: number): Item[] {
  const [{ text }] = item['content'] as [{ text: string }];
  return [
    { type: 'response.output_item.added', output_index, item: { ...item, content: [] } },
    { type: 'response.output_text.delta', item_id: item['id'], output_index, content_index: 0, delta: text },
  ];
}
