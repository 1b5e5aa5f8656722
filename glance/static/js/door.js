// The login and first-run pages: a button that shows the password, and a bar that says how hard it is to guess.

function addPeek(box) {
  const input = box.querySelector("input");
  const button = box.querySelector("template[data-peek]").content.firstElementChild.cloneNode(true);
  button.addEventListener("click", () => {
    const show = input.type === "password";
    input.type = show ? "text" : "password";
    button.setAttribute("aria-pressed", String(show));
    button.setAttribute("aria-label", show ? "Hide password" : "Show password");
    input.focus();
  });
  // A password that stays visible would be offered again by the browser's form memory.
  input.form.addEventListener("submit", () => { input.type = "password"; });
  box.append(button);
}

function steps(password) {
  const kinds = [/\p{Ll}/u, /\p{Lu}/u, /\d/, /[^\p{L}\d]/u].filter((kind) => kind.test(password)).length;
  const different = new Set(password).size;
  if (!password) return 0;
  if (password.length < 10 || different < 4) return 1;
  return Math.min(4, 1 + (password.length >= 14) + (kinds >= 2) + (password.length >= 18 && different >= 9));
}

const WORDS = ["", "Weak. ", "Fair. ", "Good. ", "Strong. "];
function addStrength(template) {
  const bar = template.content.firstElementChild.cloneNode(true);
  const field = template.closest(".field"), input = field.querySelector("input"), word = document.createTextNode("");
  template.before(bar);
  field.querySelector(".help").prepend(word);
  input.addEventListener("input", () => {
    const on = steps(input.value);
    word.data = WORDS[on];
    [...bar.children].forEach((step, at) => step.classList.toggle("on", at < on));
  });
}

for (const box of document.querySelectorAll("[data-pw]")) addPeek(box);
for (const template of document.querySelectorAll("template[data-strength]")) addStrength(template);
