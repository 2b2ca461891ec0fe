// The console's screen: text that stays, cards that are redrawn in place above the prompt. Knows no commands.
import type { Interface } from 'node:readline';
import type { Screen } from '../front.ts';

interface Output {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

/** For pipes and CI: one line whenever a card says something new, the whole card at its end. */
export function createPlainScreen(output: Output): Screen {
  const cards = new Map<string, { lines: string[]; progress: string }>();
  const print = (text: string): void => void output.write(`${text}\n`);
  return {
    print,
    show(id, lines, progress) {
      if (progress && cards.get(id)?.progress !== progress) print(progress);
      cards.set(id, { lines, progress });
    },
    freeze(id) {
      const card = cards.get(id);
      if (card) print(card.lines.join('\n'));
      cards.delete(id);
    },
    typed() {},
  };
}

/** For a terminal. `prompt` is the readline that shares it, if any. */
export function createLiveScreen(output: Output, prompt: () => Interface | undefined): Screen {
  const live = new Map<string, string[]>();
  let drawnRows = 0;

  /** Wipes the cards and the prompt, writes what stays, draws cards and prompt again below it. */
  function redraw(staying: string): void {
    const reader = prompt();
    const promptRows = reader ? reader.getCursorPos().rows : 0;
    const up = drawnRows + promptRows;
    const lines = [...live.values()].flat().map((line) => cut(line, output.columns ?? 80));
    const wipe = `\r${up > 0 ? `\u001B[${up}A` : ''}\u001B[J`;
    output.write(`${wipe}${staying}${lines.map((line) => `${line}\n`).join('')}`);
    drawnRows = lines.length;
    reader?.prompt(true);
  }

  return {
    print: (text) => redraw(`${text}\n`),
    show(id, lines) {
      live.set(id, lines);
      redraw('');
    },
    freeze(id) {
      const lines = live.get(id) ?? [];
      live.delete(id);
      redraw(lines.map((line) => `${line}\n`).join(''));
    },
    typed(line) {
      if (drawnRows === 0) return;
      // It stands between the cards and the cursor: it stays, and they move below it.
      const text = `${prompt()?.getPrompt() ?? ''}${line}`;
      drawnRows += Math.floor(text.length / (output.columns ?? 80)) + 1;
      redraw(`${text}\n`);
    },
  };
}

/** A line that fits the width, so that the rows drawn are the lines drawn. */
function cut(line: string, columns: number): string {
  return line.length < columns ? line : `${line.slice(0, Math.max(0, columns - 2)).toWellFormed()}…`;
}
