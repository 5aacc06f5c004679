// What the buttons of an entry do, on its page and in the side panel.
"use strict";

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy-link]");
  if (!button) return;
  const address = new URL(button.dataset.copyLink, location.origin).href;
  navigator.clipboard?.writeText(address).then(() => say("Copied"), () => say("Could not copy"));
});
