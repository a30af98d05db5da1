// Everything works without this script. It refreshes live parts, copies texts, and asks before what can't be undone.
"use strict";

const REFRESH_MS = 5000;

async function refresh(part) {
  if (document.hidden || part.contains(document.activeElement)) return;
  try {
    const response = await fetch(location.href, { headers: { "X-Requested-For": part.id }, credentials: "same-origin" });
    if (!response.ok || response.redirected) return;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html").getElementById(part.id);
    if (fresh && fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
  } catch {
    // The next try may succeed.
  }
}

for (const part of document.querySelectorAll("[data-live]")) {
  if (part.id) setInterval(refresh, REFRESH_MS, part);
}

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
