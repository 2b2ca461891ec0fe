// The page that there is without a network: tries again when somebody says so, when the device is back, and now and then. Knows nothing
// of any workspace.
const AGAIN_MS = 5_000;

// Not another address: what stands behind the `#` of this one has not been used yet.
const again = () => location.reload();
document.getElementById('again')?.addEventListener('click', again);
addEventListener('online', again);
setInterval(() => navigator.onLine && document.visibilityState === 'visible' && again(), AGAIN_MS);
