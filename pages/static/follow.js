// Without this script there is a button, "Refresh". With it the page looks by itself as often as jurat says, and the
// word on the answer is put into the live region, which screen readers tell politely.
"use strict";
const said = document.getElementById("said");
const next = document.getElementById("next");
let wait = Number(said.dataset.follow);

async function look() {
  if (document.hidden) return document.addEventListener("visibilitychange", look, { once: true });
  try {
    const answer = await fetch(location.href, { redirect: "error" });
    if (answer.status >= 500) throw new Error("not just now");
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const news = page.getElementById("said");
    wait = Number(news.dataset.follow);
    if (news.innerHTML !== said.innerHTML) said.replaceChildren(...news.childNodes);
    const focused = next.contains(document.activeElement);
    if (!focused || !wait) next.replaceChildren(...page.getElementById("next").childNodes);
    if (focused && !wait) next.querySelector("a, input, button")?.focus(); // what had the focus is gone
    document.title = page.title;
  } catch {
    wait = Math.min(wait * 2, 30000); // the network or the platform is away: come back, and not all at once
  }
  if (wait) setTimeout(look, wait);
}

if (wait) setTimeout(look, wait);
