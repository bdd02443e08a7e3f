// Runs before the page does: a small picture, and an ear for whatever the browser complains of.
(() => {
  const complaints = window.complaints = [];
  try {
    if (SAVES_DATA) localStorage.setItem('apus.saveData', 'true');
  } catch { /* about:blank has no storage. */ }
  addEventListener('securitypolicyviolation', event => complaints.push(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
  addEventListener('error', event => complaints.push(`error: ${event.message ?? event.target?.src}`), true);
  addEventListener('unhandledrejection', event => complaints.push(`unhandled: ${event.reason}`));
  window.strangers = () => performance.getEntriesByType('resource').map(entry => entry.name)
    .filter(name => !name.startsWith(location.origin) && !name.startsWith(location.origin.replace('http', 'ws')) && !/^(data|blob):/.test(name));
})();
