// A long text in pieces that each stand alone: no code fence is open at an end. Pure.

const FENCE = /^ {0,3}(`{3,}|~{3,})/;

/** Lines together, at most so many characters a piece; a fence that goes on in the next piece is closed and opened again. */
export function inPieces(text: string, most: number): string[] {
  const pieces: string[] = [];
  let piece: string[] = [];
  let size = 0;
  /** The line that opened the fence, and what closes it. */
  let fence: { open: string; close: string } | undefined;
  for (const line of text.split('\n').flatMap((one) => chop(one, most - 100))) {
    const closing = fence ? fence.close.length + 1 : 0;
    if (piece.length > 0 && size + line.length + 1 + closing > most) {
      pieces.push([...piece, ...(fence ? [fence.close] : [])].join('\n'));
      piece = fence ? [fence.open] : [];
      size = fence ? fence.open.length + 1 : 0;
    }
    piece.push(line);
    size += line.length + 1;
    fence = fenceAfter(fence, line);
  }
  if (fence) piece.push(fence.close);
  const last = piece.join('\n');
  return last === '' ? pieces : [...pieces, last];
}

function fenceAfter(
  fence: { open: string; close: string } | undefined,
  line: string,
): { open: string; close: string } | undefined {
  const [, signs] = FENCE.exec(line) ?? [];
  if (signs === undefined) return fence;
  if (!fence) return { open: line.slice(0, 80), close: signs };
  const isEnd = signs.startsWith(fence.close) && line.trim() === signs;
  return isEnd ? undefined : fence;
}

/** A line that is longer than a piece. No half character. */
function chop(line: string, most: number): string[] {
  if (line.length <= most) return [line];
  const parts: string[] = [];
  for (let at = 0; at < line.length;) {
    const isHalf = /[\uD800-\uDBFF]/.test(line.charAt(at + most - 1));
    const end = at + most - (isHalf ? 1 : 0);
    parts.push(line.slice(at, end));
    at = end;
  }
  return parts;
}
