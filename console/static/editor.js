// Numbers the lines of the text, marks those with problems, and has the text checked as one types. Without this script
// there is the button "Check", which lists the lines with problems.
"use strict";
const PAUSE = 800; // milliseconds without a key before the text is checked
const text = document.getElementById("text");
const numbers = document.createElement("div");
const said = document.createElement("p");
let problems = [...document.querySelectorAll("main a[data-line]")].map((link) => ({
  ...link.dataset, where: link.textContent, what: link.nextElementSibling.textContent,
}));
let lines, sentence = "", spoken, checking = false, wait;

const isError = (each) => each.kind === "error";
const height = () => parseFloat(getComputedStyle(text).lineHeight);

function draw() { // the numbers of the lines that are in sight: there may be hundreds of thousands
  const first = Math.max(0, Math.floor(text.scrollTop / height()) - 1);
  const last = Math.min(lines, first + Math.ceil(text.clientHeight / height()) + 2);
  const kinds = new Map([...problems].reverse().map((each) => [Number(each.line), each.kind])); // the worst is the first
  numbers.style.height = `${text.clientHeight}px`;
  numbers.replaceChildren(...Array.from({ length: last - first }, (_, index) => {
    const number = document.createElement("span");
    number.textContent = first + index + 1;
    number.dataset.kind = kinds.get(first + index + 1) ?? "";
    if (!index) number.style.marginTop = `${first * height() - text.scrollTop}px`;
    return number;
  }));
}

function say() { // the problem of the line that one is in, or the first
  const here = text.value.slice(0, text.selectionStart).split("\n").length;
  const one = problems.find((each) => Number(each.line) === here) ?? problems[0];
  const now = JSON.stringify([sentence, one]);
  if (now === spoken) return; // a screen reader would tell it again
  spoken = now;
  said.replaceChildren(sentence);
  if (!one) return;
  const link = document.createElement("a"), what = document.createElement("span");
  link.href = `#line-${one.line}`;
  link.textContent = one.where;
  Object.assign(link.dataset, { line: one.line, column: one.column });
  what.lang = "en";
  what.textContent = one.what;
  said.append(" ", link, ": ", what);
}

function goTo({ line, column }) {
  const before = text.value.split("\n").slice(0, line);
  const start = [...(before.length < line ? "" : before.pop())].slice(0, column - 1).join("");
  const place = [...before, start].join("\n").length;
  text.setSelectionRange(place, place);
  text.scrollTop = (line - 3) * height();
}

async function check() {
  if (checking) return void (wait = setTimeout(check, PAUSE)); // one at a time: each costs the server a second
  checking = true;
  const typed = text.value;
  try {
    const answer = await fetch(text.dataset.check, { method: "POST", body: new FormData(text.form), redirect: "error" });
    const found = answer.status === 200 ? await answer.json() : null; // else it came to no end, and nothing is new
    if (found && typed === text.value) {
      ({ problems, said: sentence } = found);
      text.setAttribute("aria-invalid", problems.some(isError));
      draw();
      say();
    }
  } catch { // the network is away: the button tells
  }
  checking = false;
}

function count() {
  lines = text.value.split("\n").length;
  draw();
}

numbers.className = "numbers";
numbers.setAttribute("aria-hidden", "true");
said.className = "found";
said.setAttribute("role", "status");
text.parentElement.className = "numbered";
text.after(numbers);
text.parentElement.after(said);
count();
if (problems.some(isError)) {
  goTo(problems[0]);
  document.querySelector("main [autofocus]")?.focus(); // some browsers move to where the selection is set
}
say();
new ResizeObserver(draw).observe(text);
text.addEventListener("scroll", draw);
text.addEventListener("input", () => {
  count();
  clearTimeout(wait);
  wait = setTimeout(check, PAUSE);
});
document.addEventListener("selectionchange", say);
document.addEventListener("click", (event) => {
  const link = event.target.closest("main a[data-line]");
  if (!link) return;
  event.preventDefault();
  text.focus({ preventScroll: true });
  goTo(link.dataset);
  const top = text.getBoundingClientRect().top + (link.dataset.line - 1) * height() - text.scrollTop;
  if (top < 0 || top > innerHeight - height()) scrollBy(0, top - innerHeight / 3);
});
