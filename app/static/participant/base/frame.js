// The page of another site that may show this one in a frame: it is told how the study ended, so that it can go on.

// Tell an outcome and its code to whoever of `origins` frames this page; to nobody else.
export function tellFrame(origins, outcome, code) {
  if (window.parent === window) return;
  const around = location.ancestorOrigins?.[0]; // Firefox does not say, and drops what is for another
  for (const origin of origins) {
    if (!around || around === origin) window.parent.postMessage({ earmark: outcome, code: code ?? null }, origin);
  }
}
