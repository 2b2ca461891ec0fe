// Installing: the manifest and the service worker that keeps the page's own files. Failing at it harms nobody.
import { createElement } from './dom.ts';

const WORKER = '/assets/service-worker.js';

interface TrustedTypes {
  createPolicy: (
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ) => {
    createScriptURL: (url: string) => string;
  };
}

/**
 * Called once somebody was let in. The manifest has no start_url, so the installed app opens this workspace; it is linked
 * here and not in the HTML, so that no browser reads it while the one-time code is still in the address.
 */
export function installShell(): void {
  document.head.append(
    createElement('link', { attributes: { rel: 'manifest', href: '/assets/manifest.webmanifest' } }),
  );
  navigator.serviceWorker?.register(trustWorker(), { scope: '/w/' }).catch(() => undefined);
}

// The policy of the page demands that addresses of scripts are made in one named place: this one, of one constant.
function trustWorker(): string {
  const types = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
  return (
    types?.createPolicy('sam-shell', { createScriptURL: () => WORKER }).createScriptURL(WORKER) ?? WORKER
  );
}
