"use strict";
// Draws the tracks and masks of the slider's frame, for each film of the page. Between two keyframes of a segment,
// objects move in a straight line. Outside of segments nothing is drawn. A mask belongs to its frame only.

const FRAMES_A_SECOND = 12; // without a video

function valuesAt(track, frame) {
  for (const segment of track.segments) {
    for (let i = 0; i < segment.length; i++) {
      const [at, values] = segment[i];
      if (at === frame) return values;
      const next = segment[i + 1];
      if (next && at < frame && frame < next[0]) {
        if (next[1].length !== values.length) return values; // lines of different lengths cannot be interpolated
        const share = (frame - at) / (next[0] - at);
        return values.map((value, axis) => value + share * (next[1][axis] - value));
      }
    }
  }
  return null;
}

function pathOf(kind, values) {
  if (kind === "bbox") {
    const [left, top, width, height] = values;
    return `M${left} ${top}h${width}v${height}h${-width}Z`;
  }
  if (kind === "point") return `M${values[0]} ${values[1]}h0`;
  return values.map((value, i) => (i % 2 ? ` ${value}` : `${i ? "L" : "M"}${value}`)).join("");
}

function show(root) {
  const film = JSON.parse(root.querySelector("script").textContent);
  const slider = root.querySelector("input[type=range]");
  const number = root.querySelector("output");
  const drawing = root.querySelector(".drawing");
  const video = root.querySelector("video.asset");
  const head = root.querySelectorAll("[data-head]");
  const button = (name) => root.querySelector(`[data-button="${name}"]`);

  const shapes = film.tracks.map((track) => {
    const group = document.getElementById(track.shape);
    return { track, group, name: drawing.querySelector(`[data-shape="${track.shape}"]`) };
  });

  // Writes a name beside and above a shape's first point, or on the other side at the edge of the drawing.
  function place(name, x, y) {
    const { width, height } = drawing.viewBox.baseVal;
    const [right, top] = [x > width * 0.85, y < height * 0.06];
    const attributes = { x, y, dx: right ? "-.35em" : ".35em", dy: top ? "1.2em" : "-.5em" };
    for (const [key, value] of Object.entries(attributes)) name.setAttribute(key, value);
    name.setAttribute("text-anchor", right ? "end" : "start");
  }

  function draw() {
    const frame = Number(slider.value);
    for (const { track, group, name } of shapes) {
      const values = valuesAt(track, frame);
      group.style.display = name.style.display = values ? "" : "none";
      document.getElementById(track.entry)?.classList.toggle("away", !values);
      if (!values) continue;
      for (const path of group.children) path.setAttribute("d", pathOf(track.kind, values));
      place(name, values[0], values[1]);
    }
    for (const mask of drawing.querySelectorAll(".mask")) {
      const source = film.masks[mask.dataset.entry][frame];
      if (source) mask.setAttribute("href", source);
      else mask.removeAttribute("href");
    }
    number.textContent = frame;
    slider.setAttribute("aria-valuetext", `${slider.dataset.word} ${frame}`);
    document.body.classList.add("playing");
    for (const line of head) {
      line.setAttribute("x1", (1000 * (frame - 0.5)) / slider.max);
      line.setAttribute("x2", (1000 * (frame - 0.5)) / slider.max);
    }
  }

  // Frames per second; 0 if they are not known: that needs the number of all frames and the video's duration.
  const perSecond = () =>
    video && slider.dataset.known === "true" && Number.isFinite(video.duration) && video.duration > 0
      ? Number(slider.max) / video.duration
      : 0;

  function go(frame) {
    slider.value = frame;
    draw();
    if (perSecond()) video.currentTime = (Number(slider.value) - 0.5) / perSecond();
  }

  const play = button("play");
  let timer = 0;

  function stop() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
    play.setAttribute("aria-pressed", "false");
  }

  // When an annotation is picked in the list, go to its first frame, unless the current frame has it.
  function pick(entry, has, first) {
    document.querySelector(`#${entry} a.pick`)?.addEventListener("click", () => {
      stop();
      if (!has(Number(slider.value))) go(first);
    });
  }
  for (const { track } of shapes) {
    pick(track.entry, (frame) => valuesAt(track, frame), track.segments[0][0][0]);
  }
  for (const mask of drawing.querySelectorAll(".mask[id]")) {
    const frames = film.masks[mask.dataset.entry];
    fitMask(drawing, Object.values(frames)[0]); // row.js
    pick(mask.dataset.entry, (frame) => frames[frame], Math.min(...Object.keys(frames)));
  }

  slider.addEventListener("input", () => {
    stop();
    go(slider.value);
  });

  const keyframe = (frames, pass) => frames.find(pass) ?? Number(slider.value);
  button("before").addEventListener("click", () => {
    stop();
    go(keyframe([...film.keyframes].reverse(), (frame) => frame < Number(slider.value)));
  });
  button("after").addEventListener("click", () => {
    stop();
    go(keyframe(film.keyframes, (frame) => frame > Number(slider.value)));
  });
  for (const seek of root.querySelectorAll("[data-seek]")) {
    seek.addEventListener("click", () => {
      stop();
      go(seek.dataset.seek);
    });
  }

  play.addEventListener("click", () => {
    if (timer) {
      stop();
      return;
    }
    if (slider.value === slider.max) go(slider.min);
    play.textContent = "Stop";
    play.setAttribute("aria-pressed", "true");
    timer = setInterval(() => {
      if (slider.value === slider.max) stop();
      else go(Number(slider.value) + 1);
    }, 1000 / (perSecond() || FRAMES_A_SECOND));
  });

  video?.addEventListener("loadedmetadata", () => go(slider.value));
  draw();
}

for (const root of document.querySelectorAll(".film")) show(root);
for (const note of document.querySelectorAll(".without-script")) note.remove();
