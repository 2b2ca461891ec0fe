// What a terminal draws nothing of: a shell's marks of prompts and commands (OSC 133), for tests that read what stands on lines.

export const withoutMarks = (output: string): string =>
  // oxlint-disable-next-line no-control-regex
  output.replaceAll(/\u001B\]133;[^\u0007]*\u0007/g, '');
