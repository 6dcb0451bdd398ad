"use strict";
// Highlights an annotation in the drawing and in the list together, fits a canvas of unknown size to its asset, and
// plays intervals of a recording. Values are only set as text or attributes; nothing is ever parsed as markup.

const shapesOf = (entry) => document.querySelectorAll(`[data-entry="${entry}"]`);

function light(entry, on) {
  document.getElementById(entry)?.classList.toggle("lit", on);
  for (const shape of shapesOf(entry)) shape.classList.toggle("lit", on);
}

// A focused annotation stays lit; the one under the pointer is lit too.
let pointed = null;
const focused = () => document.activeElement?.closest(".entry")?.id ?? null;

document.addEventListener("focusin", () => focused() && light(focused(), true));
document.addEventListener("focusout", (event) => {
  const entry = event.target.closest(".entry")?.id;
  if (entry && entry !== pointed) light(entry, false);
});
document.addEventListener("pointerover", (event) => {
  const over = event.target.closest(".entry")?.id ?? event.target.closest("[data-entry]")?.dataset.entry ?? null;
  if (over === pointed) return;
  if (pointed && pointed !== focused()) light(pointed, false);
  pointed = over;
  if (over) light(over, true);
});

// Following a link to a drawing would move the focus out of the list: scroll to the drawing instead.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a.pick");
  const target = link && document.getElementById(link.hash.slice(1));
  if (!target) return;
  event.preventDefault();
  (target.closest(".stage") ?? target).scrollIntoView({ block: "nearest" });
});

// Gives a canvas whose size was guessed the size of its asset, or of a mask, once that is loaded.
function fit(drawing, width, height) {
  drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
  for (const mask of drawing.querySelectorAll(".mask")) {
    mask.setAttribute("width", width);
    mask.setAttribute("height", height);
  }
  drawing.parentElement.style.setProperty("--width", width);
  drawing.parentElement.style.setProperty("--height", height);
  drawing.closest("figure").querySelector("[data-size]").textContent = `${width} × ${height} px`;
}

function fitAsset(width, height) {
  const drawing = document.querySelector(".drawing[data-guessed]");
  if (!drawing || !width || !height) return;
  drawing.removeAttribute("data-guessed");
  fit(drawing, width, height);
}

const asset = document.querySelector(".asset");
if (asset instanceof HTMLImageElement) {
  const loaded = () => fitAsset(asset.naturalWidth, asset.naturalHeight);
  if (asset.complete) loaded();
  asset.addEventListener("load", loaded);
} else if (asset) {
  asset.addEventListener("loadedmetadata", () => fitAsset(asset.videoWidth, asset.videoHeight));
}

// A mask is as large as its asset. The address is that of its image.
function fitMask(drawing, address) {
  if (!drawing.hasAttribute("data-guessed")) return;
  const image = new Image();
  image.addEventListener("load", () => {
    if (drawing.hasAttribute("data-guessed")) fit(drawing, image.naturalWidth, image.naturalHeight);
  });
  image.src = address;
}
const masked = document.querySelector(".mask[href]");
if (masked) fitMask(masked.closest(".drawing"), masked.getAttribute("href"));

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
      sound.play().catch(() => {}); // the page says why it cannot be played
    });
  }
}
