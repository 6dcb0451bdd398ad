"use strict";
// A bulk action in progress is read every second; console.js reads other parts less often.
const BULK_MS = 1000;
setInterval(() => {
  if (document.getElementById("state")?.textContent === "running" && !isBusy()) readAgain();
}, BULK_MS);
