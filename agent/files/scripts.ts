// What is run in a workspace to write or read one file of it: by its own user, who alone decides what may be written where. Lines of a
// POSIX shell, as small images have it. Starts nothing itself.

/**
 * `NAME RANDOM SIZE`, and the bytes come on standard input. It is all there by its name, or it is not there; nothing that exists is
 * touched: `NAME (1)` is written beside it. Prints the path. 3: fewer bytes came than were said.
 */
export const WRITE = `set -C
part="./.$2.part"
trap 'rm -f -- "$part"' EXIT
trap 'exit 1' HUP INT TERM
cat >"$part" || exit 1
[ "$(($(wc -c <"$part")))" -eq "$3" ] || exit 3
stem=$1 ending=
case $1 in ?*.*) ending=.\${1##*.} stem=\${1%.*} ;; esac
name=$1 count=0
while [ -e "./$name" ] || [ -L "./$name" ] || ! (: >"./$name") 2>/dev/null; do
  count=$((count + 1))
  [ "$count" -le 999 ] || exit 4
  name="$stem ($count)$ending"
done
mv -f -- "$part" "./$name" || { rm -f -- "./$name"; exit 1; }
printf '%s' "$(pwd)/$name"`;

/** `PATH`. Prints its size and a line break, then its bytes. 5: it is no file, or cannot be read. */
export const READ = `[ -f "$1" ] && [ -r "$1" ] || exit 5
exec <"$1"
printf '%s\\n' "$(($(wc -c <"$1")))"
exec cat`;

/** `sam-download FILE…`, for the PATH of people's terminals: the page that shows the terminal offers to save it. */
export const DOWNLOAD = `#!/bin/sh
# Asks the page that shows this terminal to offer these files for saving.
[ $# -gt 0 ] || { echo 'usage: sam-download FILE...' >&2; exit 2; }
[ -t 1 ] || { echo 'sam-download: this is no terminal' >&2; exit 1; }
failed=0
for file in "$@"; do
  if [ ! -f "$file" ] || [ ! -r "$file" ]; then
    echo "sam-download: $file: not a file that can be read" >&2
    failed=1
    continue
  fi
  case $file in /*) ;; *) file=$(pwd)/$file ;; esac
  printf '\\033]7717;download;%s\\007' "$(printf '%s' "$file" | base64 | tr -d '\\n')"
  printf '%s: the page asks whether to save it.\\n' "$(basename -- "$file")"
done
exit $failed
`;
