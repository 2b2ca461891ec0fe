// In which order a person has put the tabs of a workspace, as this browser keeps it. Knows no tab.

const STORED = 'sam.order';
/** Of the workspaces that were put in order last. */
const MAX_WORKSPACES = 20;
const MAX_TABS = 64;

type Kept = Record<string, string[]>;

function readAll(): Kept {
  try {
    const kept = JSON.parse(localStorage.getItem(STORED) ?? '{}') as Kept | null;
    return typeof kept === 'object' && kept !== null && !Array.isArray(kept) ? kept : {};
  } catch {
    return {};
  }
}

/** `ids` as that person put them; those that nobody has put anywhere stay behind, as they come. */
export function sortAsKept(workspace: string, ids: string[]): string[] {
  const kept = readAll()[workspace];
  if (!Array.isArray(kept)) return ids;
  const known = kept.filter((id) => ids.includes(id));
  return [...known, ...ids.filter((id) => !known.includes(id))];
}

export function keepOrder(workspace: string, ids: string[]): void {
  const { [workspace]: _before, ...others } = readAll();
  const kept = [...Object.entries(others), [workspace, ids.slice(0, MAX_TABS)]].slice(-MAX_WORKSPACES);
  try {
    localStorage.setItem(STORED, JSON.stringify(Object.fromEntries(kept)));
  } catch {
    // Then it holds until the page is loaded anew.
  }
}
