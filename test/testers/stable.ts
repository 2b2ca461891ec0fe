// What people saw, without what differs from run to run: ids, ports, codes, times, folders. Pure.

/** Each call has its own count of ids; `root` is a temporary folder. */
export function createStable(root: string): (text: string) => string {
  const names = new Map<string, string>();
  const nameOf = (id: string): string => {
    const kind = id.slice(0, 2);
    const count = [...names.keys()].filter((known) => known.startsWith(kind)).length + 1;
    if (!names.has(id)) names.set(id, `${kind}-${count}`);
    return names.get(id) ?? id;
  };
  return (text) =>
    text
      .replaceAll(root, '/place')
      .replaceAll(/\b(ws|nd|us|vm)-[a-z2-7]{12}\b/g, nameOf)
      .replaceAll(/http:\/\/(localhost|127\.0\.0\.1):\d+/g, 'http://$1')
      .replaceAll(/#[\w-]{43}/g, '#CODE')
      .replaceAll(/\/setup#\w+/g, '/setup#CODE')
      .replaceAll(/\b[0-9a-f]{40}\b/g, 'COMMIT')
      .replaceAll(/\(([0-9a-f]{7})\)/g, '(commit)')
      .replaceAll(/(\d{4}-\d\d-\d\d )?\d\d:\d\d UTC/g, 'TIME')
      // What a node can hold a workspace to is its own.
      .replaceAll(
        /may use .* at most; the processors are shared evenly|has no limits of memory .*(?=\.)/g,
        'LIMITS',
      )
      .replaceAll(/^\d\d:\d\d:\d\d /gm, '00:00:00 ')
      .replaceAll(/ · (\d+s|\d+m \d\ds)$/gm, ' · SPAN')
      .replaceAll(/\(ref [a-z2-7]{6}\)/g, '(ref REF)');
}
