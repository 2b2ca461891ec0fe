// Files on their way to the workspace and from it, over the terminals' socket: in pieces, within a window, each with its progress and a way
// to stop it. Knows the protocol; must not know sessions, nor how the connection comes and goes.
import {
  FILE_WINDOW_BYTES,
  MAX_FILE_BYTES,
  type FileMessage,
  type ViewerMessage,
} from '../../agent/protocol.ts';
import { showNotice } from '../dialogs.ts';
import { describeBytes, showProgress, type Progress } from '../progress.ts';

export interface FilesOutlet {
  /** False: nobody is connected. */
  send: (message: ViewerMessage) => boolean;
  sendPiece: (transfer: number, bytes: Uint8Array) => void;
}

export interface Files {
  /** Whether this person may, here and now. */
  isAllowed: boolean;
  /** `onDone`: where those are that arrived. */
  upload: (files: File[]) => void;
  download: (path: string) => void;
  take: (message: FileMessage) => void;
  takePiece: (transfer: number, bytes: Uint8Array<ArrayBuffer>) => void;
  /** The connection is gone, and with it what was under way. */
  lose: () => void;
}

interface Transfer {
  progress: Progress;
  hear: (message: FileMessage) => void;
  takePiece?: (bytes: Uint8Array<ArrayBuffer>) => void;
}

interface Waiting {
  start: () => void;
  /** Its turn never comes. */
  drop: () => void;
}

interface Desk {
  outlet: FilesOutlet;
  running: Map<number, Transfer>;
  /** What waits for its turn, in order. */
  waiting: Waiting[];
  next: number;
}

const AT_ONCE = 3;
const PIECE_BYTES = 65_536;
const TELL_EVERY_BYTES = 262_144;
const MAX_NUMBER = 0xffff;
const KEEP_MS = 60_000;

export function createFiles(outlet: FilesOutlet, onUploaded: (paths: string[]) => void): Files {
  const desk: Desk = { outlet, running: new Map(), waiting: [], next: 1 };
  return {
    isAllowed: false,
    upload: (files) => void uploadAll(desk, files).then((paths) => paths.length > 0 && onUploaded(paths)),
    download: (path) => startDownload(desk, path),
    take: (message) => desk.running.get(message.transfer)?.hear(message),
    takePiece: (transfer, bytes) => desk.running.get(transfer)?.takePiece?.(bytes),
    lose() {
      if (desk.running.size > 0) showNotice('The connection broke: a file did not arrive. Send it again.');
      for (const { drop } of desk.waiting.splice(0)) drop();
      for (const transfer of desk.running.keys())
        desk.running.get(transfer)?.hear({ type: 'file', transfer, is: 'failed', code: 'lost', message: '' });
    },
  };
}

async function uploadAll(desk: Desk, files: File[]): Promise<string[]> {
  const paths = await Promise.all(files.map((file) => uploadOne(desk, file)));
  return paths.filter((path) => path !== undefined);
}

/** Of a path that a browser gave only the last name; without what no file should be called. */
export const cleanName = (name: string): string =>
  (name.split(/[/\\]/).at(-1) ?? '').replaceAll(/\p{Cc}/gu, '').replace(/^\.{1,2}$/, '') || 'file';

/** Resolves with where it is, or with nothing: then somebody was told why, or stopped it. */
function uploadOne(desk: Desk, file: File): Promise<string | undefined> {
  if (file.size > MAX_FILE_BYTES) {
    showNotice(
      `“${file.name}” has ${describeBytes(file.size)}; a file may have ${describeBytes(MAX_FILE_BYTES)}.`,
    );
    return Promise.resolve(undefined);
  }
  return new Promise((resolve) =>
    begin(desk, { start: () => startUpload(desk, file, resolve), drop: () => resolve(undefined) }),
  );
}

/** Now, or when there is room. */
function begin(desk: Desk, waiting: Waiting): void {
  if (desk.running.size < AT_ONCE) waiting.start();
  else desk.waiting.push(waiting);
}

function startUpload(desk: Desk, file: File, resolve: (path: string | undefined) => void): void {
  let sent = 0;
  let taken = 0;
  let isReading = false;
  const send = async () => {
    if (isReading) return;
    isReading = true;
    while (desk.running.get(id) === transfer && sent < file.size && sent - taken < FILE_WINDOW_BYTES) {
      const piece = await readPiece(file, sent);
      if (desk.running.get(id) !== transfer) break;
      if (!piece) return stop(`“${file.name}” cannot be read. A folder has to be packed first.`);
      desk.outlet.sendPiece(id, piece);
      sent += piece.length;
    }
    isReading = false;
  };
  const end = (path?: string) => {
    finish(desk, id);
    resolve(path);
  };
  const stop = (why?: string) => {
    desk.outlet.send({ type: 'cancel', transfer: id });
    if (why !== undefined) showNotice(why);
    end();
  };
  const { id, transfer } = register(
    desk,
    `Uploading ${file.name}`,
    () => stop(),
    (message) => {
      if (message.is === 'done') return end(message.path);
      if (message.is === 'failed') {
        if (message.message) showNotice(`“${file.name}”: ${message.message}`);
        return end();
      }
      if (message.is === 'taken') taken = message.bytes;
      transfer.progress.advance(file.size === 0 ? 1 : taken / file.size);
      void send();
    },
  );
  if (!desk.outlet.send({ type: 'upload', transfer: id, name: cleanName(file.name), size: file.size }))
    stop('Not connected: nothing was sent.');
}

/** Undefined: it is a folder, or gone, or not as long any more. */
async function readPiece(file: File, from: number): Promise<Uint8Array | undefined> {
  try {
    const piece = new Uint8Array(await file.slice(from, from + PIECE_BYTES).arrayBuffer());
    return piece.length > 0 ? piece : undefined;
  } catch {
    return undefined;
  }
}

function startDownload(desk: Desk, path: string): void {
  const start = () => {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    let name = cleanName(path);
    let [size, received, told] = [0, 0, 0];
    const stop = () => {
      desk.outlet.send({ type: 'cancel', transfer: id });
      finish(desk, id);
    };
    const { id, transfer } = register(desk, `Downloading ${name}`, stop, (message) => {
      if (message.is === 'begun') {
        name = cleanName(message.name ?? name);
        size = message.size ?? 0;
        return;
      }
      if (message.is === 'taken') return;
      if (message.is === 'failed' && message.message) showNotice(`“${name}”: ${message.message}`);
      finish(desk, id);
      if (message.is === 'done') save(name, pieces);
    });
    transfer.takePiece = (bytes) => {
      pieces.push(bytes);
      received += bytes.length;
      transfer.progress.advance(size === 0 ? 1 : Math.min(1, received / size));
      if (received - told < TELL_EVERY_BYTES) return;
      told = received;
      desk.outlet.send({ type: 'taken', transfer: id, bytes: received });
    };
    if (!desk.outlet.send({ type: 'download', transfer: id, path })) {
      showNotice('Not connected: nothing can be fetched.');
      finish(desk, id);
    }
  };
  begin(desk, { start, drop: () => {} });
}

function register(
  desk: Desk,
  text: string,
  onStop: () => void,
  hear: (message: FileMessage) => void,
): { id: number; transfer: Transfer } {
  const id = desk.next;
  desk.next = id === MAX_NUMBER ? 1 : id + 1;
  const transfer: Transfer = { progress: showProgress(text, onStop), hear };
  desk.running.set(id, transfer);
  return { id, transfer };
}

function finish(desk: Desk, id: number): void {
  desk.running.get(id)?.progress.remove();
  if (desk.running.delete(id)) desk.waiting.shift()?.start();
}

/** As a browser saves what one clicks on. */
function save(name: string, pieces: Uint8Array<ArrayBuffer>[]): void {
  const address = URL.createObjectURL(new Blob(pieces, { type: 'application/octet-stream' }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), KEEP_MS);
}
