// Tabs that are moved by dragging one over another. Knows tabs as elements; must not know sessions.

/** No text: what is dropped into a terminal by mistake types nothing. */
const CARRIED = 'application/x-sam-tab';

/** `onMove`: onto the place number `at` among those that can be moved. */
export function letDrag(tab: HTMLElement, id: string, onMove: (id: string, at: number) => void): void {
  tab.draggable = true;
  tab.addEventListener('dragstart', (event) => event.dataTransfer?.setData(CARRIED, id));
  tab.addEventListener('dragover', (event) => {
    if (event.dataTransfer?.types.includes(CARRIED)) event.preventDefault();
  });
  tab.addEventListener('drop', (event) => {
    const moved = event.dataTransfer?.getData(CARRIED);
    if (!moved || moved === id) return;
    event.preventDefault();
    const tabs = [...(tab.parentElement?.querySelectorAll<HTMLElement>('.tab:not(.fixed)') ?? [])];
    onMove(moved, tabs.indexOf(tab));
  });
}
