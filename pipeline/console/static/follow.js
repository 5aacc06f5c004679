// Follows what is written while somebody looks: the button counts what is new, and a click shows it.
"use strict";
let followed = null;

function followEnd(button) {
  followed?.close();
  followed = null;
  button.setAttribute("aria-pressed", "false");
  button.textContent = "Follow";
}

function follow(button) {
  let fresh = 0;
  button.setAttribute("aria-pressed", "true");
  button.textContent = "Following: nothing new yet";
  followed = new EventSource(button.dataset.follow);
  followed.addEventListener("entry", () => {
    fresh++;
    button.textContent = `${fresh} new: show`;
    button.dataset.fresh = "true";
  });
  followed.addEventListener("trouble", (event) => {
    followEnd(button);
    document.getElementById("said").textContent = JSON.parse(event.data).message;
  });
  followed.addEventListener("error", () => {
    if (followed?.readyState === EventSource.CLOSED) followEnd(button);
  });
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-follow]");
  if (!button) return;
  if (button.dataset.fresh) location.reload();
  else if (followed) followEnd(button);
  else follow(button);
});
addEventListener("pagehide", () => followed?.close());
