"use strict";
// Highlights an annotation in the drawing and in the list together, fits a canvas of unknown size to its asset, and
// plays stretches of a recording. What is read here was escaped by the server; nothing is ever parsed as markup.

const shapesOf = (entry) => document.querySelectorAll(`[data-entry="${entry}"]`);

function light(entry, on) {
  document.getElementById(entry)?.classList.toggle("lit", on);
  for (const shape of shapesOf(entry)) shape.classList.toggle("lit", on);
}

for (const entry of document.querySelectorAll(".entry")) {
  for (const [begin, end] of [["focusin", "focusout"], ["pointerenter", "pointerleave"]]) {
    entry.addEventListener(begin, () => light(entry.id, true));
    entry.addEventListener(end, () => light(entry.id, entry.contains(document.activeElement)));
  }
}

document.addEventListener("pointerover", (event) => {
  const shape = event.target.closest("[data-entry]");
  for (const lit of document.querySelectorAll(".hovered")) {
    lit.classList.remove("hovered");
    light(lit.dataset.entry, false);
  }
  if (shape) {
    shape.classList.add("hovered");
    light(shape.dataset.entry, true);
  }
});

// A canvas whose size was guessed takes that of the asset, which is loaded later.
function fit(width, height) {
  const drawing = document.querySelector(".drawing[data-guessed]");
  if (!drawing || !width || !height) return;
  drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
  for (const mask of drawing.querySelectorAll(".mask")) {
    mask.setAttribute("width", width);
    mask.setAttribute("height", height);
  }
  drawing.parentElement.style.setProperty("--width", width);
  drawing.parentElement.style.setProperty("--height", height);
}

const asset = document.querySelector(".asset");
if (asset instanceof HTMLImageElement) {
  const loaded = () => fit(asset.naturalWidth, asset.naturalHeight);
  if (asset.complete) loaded();
  asset.addEventListener("load", loaded);
  asset.addEventListener("error", () => asset.remove());
} else if (asset) {
  asset.addEventListener("loadedmetadata", () => fit(asset.videoWidth, asset.videoHeight));
}

const sound = document.getElementById("sound");
if (sound) {
  const whole = Number(sound.dataset.whole);
  sound.addEventListener("timeupdate", () => {
    document.body.classList.add("playing");
    for (const head of document.querySelectorAll("[data-head]")) {
      const place = Math.min(1000, (1e6 * sound.currentTime) / whole);
      head.setAttribute("x1", place);
      head.setAttribute("x2", place);
    }
  });
  for (const button of document.querySelectorAll("[data-seek]")) {
    button.addEventListener("click", () => {
      sound.currentTime = Number(button.dataset.seek) / 1000;
      sound.play();
    });
  }
}
