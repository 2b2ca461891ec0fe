// What lets a shell say where its prompts are, when a command begins and how it ended (OSC 133), for whoever draws the terminal, and find the
// node's programs. No file of anybody's is touched: it is a variable, and a shell whose start-up files set it otherwise does neither. Knows no
// runtime.

// The status goes first: whatever comes before it would be one of its own. Older ones than bash 4.4 cannot say when a command begins, and
// where nothing draws (TERM=dumb) it would be rubbish.
const SAY = [
  'case $TERM:${BASH_VERSION-} in dumb:* | *: | *:[1-3].* | *:4.[0-3].*) ;; *)',
  String.raw`printf '\033]133;D;%s\007' "$?";`,
  String.raw`__sam_jobs='\j'; printf '\033]133;A;jobs=%s\007' "${'${__sam_jobs@P}'}";`,
  String.raw`case ${'${PS0-}'} in *'133;C'*) ;; *) PS0=${'${PS0-}'}'\e]133;C\a' ;; esac ;; esac`,
].join(' ');

/** The node's own programs, for the end of a PATH: many login shells set it anew. */
export const PROGRAMS_VARIABLE = 'SAM_PROGRAMS';
const FIND = String.raw`case ${'${SAM_PROGRAMS:+:$PATH:}'} in '' | *":${'${SAM_PROGRAMS-}'}:"*) ;; *) PATH=$PATH:$SAM_PROGRAMS ;; esac`;

/** For a shell that people type into. bash runs it before each prompt; others do not know it. */
export const PROMPT_MARKS: Readonly<Record<string, string>> = {
  PROMPT_COMMAND: `{ ${SAY}; ${FIND}; } 2>/dev/null`,
};
