// The card's nodes, by the names that card.html gives them.

let root = null;

// Say once which element holds the card.
export function take(element) {
  root = element;
}

export const shell = () => root.firstElementChild;
export const sheet = (name) => root.querySelector(`[data-page="${name}"]`);
export const $ = (name) => root.querySelector(`[data-part="${name}"]`);
export const act = (name) => root.querySelector(`[data-action="${name}"]`);

export function make(tag, parts, ...children) {
  const node = Object.assign(document.createElement(tag), parts);
  node.append(...children);
  return node;
}

// Say which language an element's words are in, where they are not the page's: `mark` holds its attributes.
export function mark(node, { lang = "", dir = "" } = {}) {
  for (const [name, value] of [["lang", lang], ["dir", dir]]) {
    if (value) node.setAttribute(name, value);
    else node.removeAttribute(name);
  }
}

export function focusOn(heading) {
  window.scrollTo(0, 0);
  heading.focus({ preventScroll: true });
}
