// Asks where the session stands, and meanwhile makes ES modules of the texts in MODULES, which stand in the order of
// their imports, without a request for each: a module has a blob: address, and what imports it is given that. The
// server puts MODULES before this.

const asked = fetch("../api/state", { cache: "no-store" });
asked.catch(() => {}); // the page asks again
const addresses = {};
let last = null; // the one that imports all others
for (const { path, text, imports } of MODULES) {
  let linked = text;
  for (const [specifier, target] of Object.entries(imports)) {
    linked = linked.replaceAll(`from "${specifier}";`, () => `from "${addresses[target]}";`);
  }
  const parts = [linked, `\n//# sourceURL=${path}\n`];
  addresses[path] = URL.createObjectURL(new Blob(parts, { type: "text/javascript" }));
  last = import(addresses[path]); // at once, so that no browser finds them round by round
}
window.earmark = last.then(({ mount }) => (element, english) => mount(element, english, asked));
