// Which viewer sets a session's size: the last who typed, else the first. Must not know frames or sockets.
import type { Attachment } from './attachment.ts';
import type { Session } from './session.ts';

const MAX_SIZES = 1000;

/** A viewer's own size; the session takes it if this viewer is the one who sets it. */
export function resizeViewer(attachment: Attachment, size: { cols: number; rows: number }): void {
  attachment.size = size;
  giveSize(attachment.session, attachment.session.sizer);
}

/** Lets this viewer set the size; without one, the first who may type. */
export function giveSize(session: Session, attachment: Attachment | undefined): void {
  session.sizer = attachment ?? [...session.attachments].find(({ drive }) => drive);
  if (session.sizer?.size && !session.ended) applySize(session, session.sizer.size);
}

function applySize(session: Session, { cols, rows }: { cols: number; rows: number }): void {
  if (session.cols === cols && session.rows === rows) return;
  const { sizes, ring, pty, options } = session;
  session.cols = cols;
  session.rows = rows;
  pty.resize(cols, rows);
  while (sizes[1] && (sizes[1].at <= ring.first || sizes.length >= MAX_SIZES)) sizes.shift();
  sizes.push({ at: ring.end, cols, rows });
  options.onResize(session);
}
