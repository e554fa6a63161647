// The answer that could not be sent yet, kept in the browser until it is.

const PENDING = "earmark.pending";

export function kept() {
  try {
    return JSON.parse(localStorage.getItem(PENDING));
  } catch {
    return null; // private windows may refuse storage; then the answer lives as long as the page
  }
}

export function keep(answer) {
  try {
    localStorage.setItem(PENDING, JSON.stringify(answer));
  } catch {
    // as above
  }
}

export function empty() {
  try {
    localStorage.removeItem(PENDING);
  } catch {
    // as above
  }
}
