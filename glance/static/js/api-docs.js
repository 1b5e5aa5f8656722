// Filters the routes of the API page by words, and opens the one that the address names.
const field = document.querySelector("[data-filter]");
const entries = [...document.querySelectorAll("[data-entry]")];

function filter() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const entry of entries) {
    const text = entry.dataset.entry.toLowerCase();
    entry.hidden = !words.every((word) => text.includes(word));
  }
  for (const group of document.querySelectorAll("[data-group]")) {
    group.hidden = !group.querySelector("[data-entry]:not([hidden])");
  }
  document.querySelector("[data-none]").hidden = entries.some((entry) => !entry.hidden);
}

function openNamed() {
  const named = document.getElementById(location.hash.slice(1));
  if (named instanceof HTMLDetailsElement) named.open = true;
}

field.hidden = false;
field.addEventListener("input", filter);
window.addEventListener("hashchange", openNamed);
openNamed();
