// Lets xterm.js draw under `style-src 'self'`: its renderer makes <style> elements and style="" attributes, which that
// policy refuses. The same rules as constructed sheets and CSSOM are allowed. Must be called before a terminal opens.

/** Repeatable only by reloading the page: it changes two functions of this document. */
export function allowStrictStyles(): void {
  const make = document.createElement.bind(document) as (
    tag: string,
    options?: ElementCreationOptions,
  ) => Element;
  const patched = (tag: string, options?: ElementCreationOptions): Element =>
    tag.toLowerCase() === 'style' ? createSheetElement(make('xterm-style')) : make(tag, options);
  document.createElement = patched as typeof document.createElement;

  HTMLSpanElement.prototype.setAttribute = function (name, value) {
    if (name === 'style') this.style.cssText = value;
    else Element.prototype.setAttribute.call(this, name, value);
  };
}

/** Stands in for a <style>: its text becomes a sheet of the document for as long as the element is not removed. */
function createSheetElement(stand: Element): Element {
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets.push(sheet);
  Object.defineProperty(stand, 'textContent', {
    set: (text: string) => {
      sheet.replaceSync(text);
    },
  });
  Object.defineProperty(stand, 'remove', {
    value: () => {
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
      Element.prototype.remove.call(stand);
    },
  });
  return stand;
}
