// Filters the routes of the API page while typing, and opens the one that the address names.
const field = document.querySelector("[data-routes]");
const entries = [...document.querySelectorAll("[data-entry]")];

function filter() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const entry of entries) {
    entry.hidden = !words.every((word) => entry.dataset.entry.includes(word));
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

field.addEventListener("input", filter);
window.addEventListener("hashchange", openNamed);
openNamed();
