"use strict";
// Says what the browser could not load, where it would be: an asset, or images of masks. This script runs before the
// page is read, so that no error is missed. Values are only set as text; nothing is ever parsed as markup.

const failed = new Map(); // by entry of the list: the addresses of its masks that could not be loaded

function reveal(what) {
  for (const note of document.querySelectorAll(`[data-unreachable="${what}"]`)) note.hidden = false;
}

function tell(entry) {
  const addresses = [...failed.get(entry)];
  const item = document.getElementById(entry);
  let note = item?.querySelector(".unreachable");
  if (item && !note) {
    note = item.appendChild(document.createElement("p"));
    note.className = "where bad unreachable";
  }
  const more = addresses.length > 1 ? `, and ${addresses.length - 1} more` : "";
  if (note) note.textContent = `could not be loaded: ${addresses[0]}${more}`;
}

function whenRead(action) {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", action);
  else action();
}

document.addEventListener(
  "error",
  ({ target }) => {
    if (!(target instanceof Element)) return;
    const mask = target.closest(".mask");
    if (mask?.hasAttribute("href")) {
      const { entry } = mask.dataset;
      failed.set(entry, (failed.get(entry) ?? new Set()).add(mask.getAttribute("href")));
      whenRead(() => {
        reveal("masks");
        tell(entry);
      });
    } else if (target.matches(".asset, #sound")) {
      target.hidden = true;
      whenRead(() => {
        reveal("asset");
        for (const until of document.querySelectorAll("[data-until]")) until.remove();
      });
    }
  },
  true,
);
