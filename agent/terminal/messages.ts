// What viewers say, checked. Knows the protocol's words; must not know sockets.
import { z } from 'zod';
import { MAX_FILE_BYTES, type ViewerMessage } from '../protocol.ts';
import { RequestError } from '../sessions/workspace-sessions.ts';

const side = z.int().min(1).max(1000);
// No control characters, and none that turn the direction of what follows.
const name = z
  .string()
  .trim()
  .max(64)
  .regex(/^[^\p{Cc}\u2028-\u202e\u2066-\u2069]*$/u);
const id = z.string().min(1).max(64);
const ref = z.union([z.number(), z.string().max(64)]).exactOptional();
const offset = z.int().min(0);

const transfer = z.int().min(1).max(0xffff);
// One name in a folder, which leads nowhere else; 255 bytes are what file systems take.
const fileName = z
  .string()
  .min(1)
  .regex(/^(?!\.{1,2}$)[^/\p{Cc}]+$/u)
  .refine((text) => Buffer.byteLength(text) <= 240);
const filePath = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^[^\0]+$/);

const Message = z.discriminatedUnion('type', [
  z.object({ type: z.literal('attach'), ticket: z.string().max(8192) }),
  z.object({
    type: z.literal('open'),
    name: name.exactOptional(),
    profile: z.string().max(64).exactOptional(),
    cols: side,
    rows: side,
    ref,
  }),
  z.object({ type: z.literal('resume'), id, offset: offset.exactOptional(), ref }),
  z.object({ type: z.literal('close'), id, ref }),
  z.object({ type: z.literal('rename'), id, name: name.pipe(z.string().min(1)), ref }),
  z.object({ type: z.literal('resize'), id, cols: side, rows: side, ref }),
  z.object({
    type: z.literal('upload'),
    transfer,
    name: fileName,
    size: z
      .int()
      .min(0)
      .max(8 * MAX_FILE_BYTES),
  }),
  z.object({ type: z.literal('download'), transfer, path: filePath }),
  z.object({ type: z.literal('taken'), transfer, bytes: offset }),
  z.object({ type: z.literal('cancel'), transfer }),
]);

/** Throws a RequestError that says which field is wrong. */
export function parseMessage(value: unknown): ViewerMessage {
  const { success, data, error } = Message.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  const where = issue?.path.join('.') || 'message';
  throw new RequestError('bad-message', `${where}: ${issue?.message ?? 'not understood'}`);
}

/** The `ref` of a message, though the rest of it may be wrong. */
export function refOf(value: unknown): { ref?: number | string } {
  const found = z.object({ ref }).safeParse(value);
  return found.success ? found.data : {};
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RequestError('bad-message', 'message: not JSON');
  }
}
