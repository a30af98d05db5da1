// Everything works without this script. It refreshes live parts, copies texts, and asks before what can't be undone.
"use strict";

const REFRESH_MS = 5000;
// After a form was sent, the address bar has the form's address; the page's own is in its head.
const ADDRESS = document.querySelector("link[rel=canonical]")?.href ?? location.href;

async function refresh() {
  const parts = [...document.querySelectorAll("[data-live]")].filter((part) => !part.contains(document.activeElement));
  if (document.hidden || !parts.length) return;
  try {
    // The header says that nobody asked: a page that is left open does not keep its session.
    const response = await fetch(ADDRESS, { headers: { "X-Requested-For": "refresh" }, credentials: "same-origin" });
    if (!response.ok || response.redirected) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const part of parts) {
      const fresh = page.getElementById(part.id);
      if (fresh && fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
    }
  } catch {
    // The next try may succeed.
  }
}

if (document.querySelector("[data-live]")) setInterval(refresh, REFRESH_MS);

document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy)?.innerText ?? "";
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select and copy it";
  }
});

for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;
