// Before anything is drawn: the theme that somebody chose, if any.
"use strict";
const chosen = localStorage.getItem("theme");
if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
