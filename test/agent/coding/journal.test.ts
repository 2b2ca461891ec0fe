// What is told of a task is on the disk before anybody hears of it, whatever else is noted while that is being written.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openJournals, type Journals } from '../../../agent/coding/journal.ts';
import type { TaskEvent } from '../../../agent/protocol.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };

test('whoever heard of an event finds it after a kill at that moment, and the conversation with it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sam-journal-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const kills: { told: number; dir: string }[] = [];
  const onWritten = (events: TaskEvent[]) => {
    const dir = join(folder, `killed-${kills.length}`);
    cpSync(join(folder, 'tasks'), join(dir, 'tasks'), { recursive: true });
    kills.push({ told: events.at(-1)!.seq, dir });
    more(journals);
  };
  let noted = 0;
  /** Each at another moment of the writing: while the file is opened, written, and closed. */
  const more = (all: Journals) => {
    const note = () => {
      const text = `${(noted += 1)}`;
      if (noted <= 60)
        all.of('ws-abcdefghijkl', 'tk-abcdefghijkl').note(1, { kind: 'text', message: 'm', text });
    };
    queueMicrotask(note);
    process.nextTick(note);
    setImmediate(note);
  };
  const journals = await openJournals({ dir: folder, onWritten, log });
  const journal = journals.of('ws-abcdefghijkl', 'tk-abcdefghijkl');
  journal.note(1, { kind: 'started' });
  journal.remember({ session: 'one' });
  await journal.settle();
  expect(journal.memory().seq).toBe(61);
  for (const { told, dir } of kills) {
    const after = (await openJournals({ dir, onWritten: () => {}, log })).find('tk-abcdefghijkl')!;
    expect(after.memory().seq).toBeGreaterThanOrEqual(told);
    expect(after.unstored().map(({ seq }) => seq)).toEqual(after.unstored().map((_, index) => index + 1));
  }
  const last = (await openJournals({ dir: folder, onWritten: () => {}, log })).find('tk-abcdefghijkl')!;
  expect(last.memory()).toEqual(journal.memory());
});
