// The page. Everything that can change is in `state`; every change is drawn anew from it.

const VEIL = 0.72;
const TINTS = {
  grey: "#808080", red: "#d43d3d", orange: "#e08a2c", yellow: "#d9bf33", green: "#4c9f50",
  blue: "#3b76d0", violet: "#7b57c8", pink: "#d2569c",
};

const data = JSON.parse(element("data").textContent);
const { width, height } = data;
const layers = data.layers; // from back to front
const numbers = layers.map((_, k) => k);
const state = {
  edits: layers.map(untouched), // opacity 0 .. 1, shown, tint or null
  selected: new Set(),
  pointed: null, // the layer that the pointer is on
  active: null, // the layer that the arrow keys are on
  background: "", // "" is none
  alone: false, // show only the selection
};
let owner = null; // which layer each pixel belongs to most, once opened
const rows = [], options = [], outlines = [];

function untouched() {
  return { opacity: 1, shown: true, tint: null };
}

function element(id) {
  return document.getElementById(id);
}

function make(name, attributes = {}, text = "") {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

// ---- What is shown -------------------------------------------------------------------------------------

function visible(k) {
  return state.edits[k].shown && (!state.alone || state.selected.has(k));
}

function drawPicture() {
  const opacities = numbers.map((k) => (visible(k) ? state.edits[k].opacity : 0));
  const pixels = mixed(layers, opacities, state.background ? rgb(state.background) : null);
  element("picture").getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
}

function drawThumbnail(k) {
  const whole = make("canvas", { width, height });
  const pixels = mixed([layers[k]], [state.edits[k].opacity], null);
  whole.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
  const small = rows[k].querySelector("canvas"), context = small.getContext("2d");
  const scale = Math.min(small.width / width, small.height / height);
  const w = width * scale, h = height * scale;
  context.clearRect(0, 0, small.width, small.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(whole, (small.width - w) / 2, (small.height - h) / 2, w, h);
}

function drawLit() {
  const lit = state.pointed ?? state.active, chip = element("pointed"), veil = element("veil");
  rows.forEach((row, k) => row.classList.toggle("lit", k === lit));
  veil.classList.toggle("drawn", lit !== null);
  chip.hidden = lit === null;
  if (lit === null) return;
  if (veil.dataset.layer !== String(lit)) {
    veil.dataset.layer = lit;
    const pixels = veiled(layers[lit], VEIL);
    veil.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
  }
  chip.textContent = `${layers[lit].name} · ${percent(layers[lit].share)}`;
  chip.style.setProperty("--layer", layers[lit].color);
}

function showSelection() {
  for (const k of numbers) {
    const chosen = state.selected.has(k);
    rows[k].classList.toggle("selected", chosen);
    rows[k].querySelector(".pick").setAttribute("aria-pressed", chosen);
    options[k].setAttribute("aria-selected", chosen);
    outlines[k].classList.toggle("drawn", chosen);
  }
  const count = saved().length;
  element("save").disabled = count === 0;
  element("save").textContent = count > 1 ? `Save ${count} layers as PNG` : "Save selection as PNG";
  element("alone").disabled = state.selected.size === 0;
  element("outlines").classList.toggle("drawn", !state.alone);
}

function showEdits(k) {
  const { opacity, shown, tint } = state.edits[k], row = rows[k];
  row.classList.toggle("hidden", !shown);
  row.querySelector(".shown").setAttribute("aria-pressed", shown);
  const slider = row.querySelector(".opacity"), value = Math.round(100 * opacity);
  slider.value = value;
  slider.style.setProperty("--value", `${value}%`);
  slider.setAttribute("aria-valuetext", `${value}%`);
  const button = row.querySelector(".tint");
  button.classList.toggle("on", tint !== null);
  if (tint) button.style.setProperty("--tint", tint);
  for (const choice of row.querySelectorAll(".tints button")) {
    choice.setAttribute("aria-pressed", (choice.dataset.tint || null) === tint);
  }
  const listed = tint === null || Object.values(TINTS).includes(tint);
  row.querySelector(".tints input").classList.toggle("on", !listed);
  element("reset").disabled = state.edits.every((edit) => edit.shown && edit.opacity === 1 && !edit.tint);
}

function percent(share) {
  return share > 0 && share < 0.005 ? "< 1%" : `${Math.round(100 * share)}%`;
}

// Sliders and pointers report faster than a screen draws.
const waiting = new Set();
function soon(...drawings) {
  if (waiting.size === 0) {
    requestAnimationFrame(() => {
      const now = [...waiting];
      waiting.clear();
      for (const draw of now) draw();
    });
  }
  for (const draw of drawings) waiting.add(draw);
}

// ---- What changes it -----------------------------------------------------------------------------------

function point(k) {
  if (state.pointed === k) return;
  state.pointed = k;
  soon(drawLit);
}

function activate(k) {
  state.active = k;
  if (k === null) element("frame").removeAttribute("aria-activedescendant");
  else element("frame").setAttribute("aria-activedescendant", options[k].id);
  soon(drawLit);
}

function select(chosen) {
  state.selected = new Set(chosen);
  if (chosen.length === 0) state.alone = element("alone").checked = false;
  showSelection();
  soon(drawPicture);
}

function toggle(k) {
  const chosen = new Set(state.selected);
  if (!chosen.delete(k)) chosen.add(k);
  select([...chosen]);
}

function edit(k, change) {
  const before = state.edits[k];
  state.edits[k] = { ...before, ...change };
  const { tint } = state.edits[k];
  if (tint !== before.tint) layers[k].colors = tint ? tinted(layers[k].original, tint) : layers[k].original;
  showEdits(k);
  showSelection();
  soon(drawPicture, thumbnails[k]);
}
const thumbnails = numbers.map((k) => () => drawThumbnail(k));

function setBackground(color) {
  state.background = color;
  soon(drawPicture);
}

// What is selected and shown, as it is shown, without a background.
function saved() {
  return numbers.filter((k) => state.selected.has(k) && state.edits[k].shown);
}

async function save() {
  const chosen = saved();
  const pixels = mixed(chosen.map((k) => layers[k]), chosen.map((k) => state.edits[k].opacity), null);
  const file = await encodedPng(pixels, width, height);
  const names = chosen.map((k) => layers[k].number).sort((a, b) => a - b);
  const link = make("a", { href: URL.createObjectURL(file) });
  link.download = `${data.name} layer${names.length > 1 ? "s" : ""} ${names.join(" ")}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  element("status").textContent = `Saved ${link.download}`;
}

// ---- The page's parts ----------------------------------------------------------------------------------

function makeRow(k) {
  const row = element("layer").content.cloneNode(true).firstElementChild, { name, color, share } = layers[k];
  const part = (selector) => row.querySelector(selector);
  row.style.setProperty("--layer", color);
  part(".name b").textContent = name;
  part(".pick").title = name; // which may be too long to be shown
  part(".share").textContent = percent(share);
  part(".pick").setAttribute("aria-label", `Select ${name}, ${percent(share)} of the photo`);
  part(".opacity").setAttribute("aria-label", `Opacity of ${name}`);
  part(".tint").setAttribute("aria-label", `Tint ${name}`);
  part(".tint").setAttribute("aria-controls", `tints-${k}`);
  part(".shown").setAttribute("aria-label", `Show ${name}`);
  part(".pick").onclick = () => toggle(k);
  part(".opacity").oninput = (event) => edit(k, { opacity: event.target.value / 100 });
  part(".shown").onclick = () => edit(k, { shown: !state.edits[k].shown });
  // Not while a slider is held: what it changes is seen without the veil.
  part(".pick").onpointerenter = (event) => event.pointerType !== "touch" && point(k);
  part(".pick").onpointerleave = () => point(null);
  part(".pick").onfocus = () => part(".pick").matches(":focus-visible") && activate(k);
  part(".pick").onblur = () => activate(null);
  makeTints(k, row);
  return row;
}

function makeTints(k, row) {
  const tints = row.querySelector(".tints"), button = row.querySelector(".tint"), { name } = layers[k];
  tints.id = `tints-${k}`;
  tints.setAttribute("aria-label", `Tint of ${name}`);
  button.onclick = () => {
    tints.hidden = !tints.hidden;
    button.setAttribute("aria-expanded", !tints.hidden);
  };
  for (const [label, tint] of [["none", ""], ...Object.entries(TINTS)]) {
    const choice = make("button", { type: "button", "data-tint": tint, "aria-label": label, title: label });
    choice.style.setProperty("--tint", tint || "transparent");
    choice.onclick = () => edit(k, { tint: tint || null });
    tints.append(choice);
  }
  const picker = make("input", { type: "color", value: "#b08d57", "aria-label": `Any tint for ${name}` });
  picker.title = "any color";
  picker.oninput = () => edit(k, { tint: picker.value });
  tints.append(picker);
}

function makeOutline(k) {
  const group = document.createElementNS("http://www.w3.org/2000/svg", "g");
  group.style.setProperty("--layer", layers[k].color);
  for (const name of ["halo", "line"]) {
    const path = document.createElementNS(group.namespaceURI, "path");
    path.setAttribute("class", name);
    path.setAttribute("d", layers[k].outline);
    group.append(path);
  }
  return group;
}

function build() {
  for (const id of ["picture", "veil"]) Object.assign(element(id), { width, height });
  element("outlines").setAttribute("viewBox", `0 0 ${width} ${height}`);
  document.documentElement.style.setProperty("--aspect", width / height);
  const [photoWidth, photoHeight] = data.photo;
  const count = `${layers.length} soft layer${layers.length > 1 ? "s" : ""}`;
  element("about").textContent = photoWidth === width
    ? `${count} · ${width} × ${height} pixels`
    : `${count} · shrunk for this page to ${width} × ${height} pixels; the photo has ${photoWidth} × ${photoHeight}`;
  for (const k of numbers) {
    rows.push(makeRow(k));
    outlines.push(makeOutline(k));
    options.push(make("span", { role: "option", id: `option-${k}`, class: "aside" },
      `${layers[k].name}, ${percent(layers[k].share)} of the photo`));
    options[k].onclick = (event) => { // by a screen reader; its pixel means nothing
      event.stopPropagation();
      toggle(k);
    };
  }
  element("layers").append(...[...rows].reverse());
  element("frame").append(...[...options].reverse());
  element("outlines").append(...outlines);
}

function layerAt(event) {
  const box = element("picture").getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * width);
  const y = Math.floor(((event.clientY - box.top) / box.height) * height);
  return x >= 0 && y >= 0 && x < width && y < height ? owner[y * width + x] : null;
}

function listen() {
  const frame = element("frame");
  frame.onpointermove = frame.onpointerdown = (event) => point(layerAt(event));
  frame.onpointerleave = frame.onpointercancel = () => point(null);
  frame.onpointerup = (event) => event.pointerType === "touch" && point(null);
  frame.onclick = (event) => {
    const k = layerAt(event);
    if (k !== null) toggle(k);
  };
  frame.onfocus = () => frame.matches(":focus-visible") && activate(state.active ?? layers.length - 1);
  frame.onblur = () => activate(null);
  frame.onkeydown = (event) => {
    const last = layers.length - 1, now = state.active ?? last;
    const moves = {
      ArrowDown: now - 1, ArrowRight: now - 1, ArrowUp: now + 1, ArrowLeft: now + 1, Home: last, End: 0,
    };
    if (event.key in moves) activate(Math.min(Math.max(moves[event.key], 0), last));
    else if (event.key === " " || event.key === "Enter") toggle(now);
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) select(numbers);
    else return;
    event.preventDefault();
  };
  document.addEventListener("keydown", (event) => event.key === "Escape" && select([]));
  element("reset").onclick = () => numbers.forEach((k) => edit(k, untouched()));
  element("save").onclick = save;
  element("alone").onchange = (event) => {
    state.alone = event.target.checked;
    showSelection();
    soon(drawPicture);
  };
  const custom = document.querySelector("[name=background][value=custom]"), plain = element("plain");
  for (const choice of document.getElementsByName("background")) {
    choice.onchange = () => setBackground(choice === custom ? plain.value : choice.value);
  }
  plain.oninput = () => {
    custom.checked = true;
    setBackground(plain.value);
  };
}

async function open() {
  const file = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  for (const layer of layers) {
    const bytes = await decodedPng(file(layer.alpha));
    layer.alpha = Uint16Array.from({ length: width * height }, (_, p) => (bytes[2 * p] << 8) | bytes[2 * p + 1]);
    layer.colors = layer.original = await decodedPng(file(layer.colors));
  }
  owner = owners(layers);
}

async function start() {
  if (!("DecompressionStream" in window)) {
    element("opening").textContent = "This page needs a browser of 2023 or later.";
    return;
  }
  build();
  await open();
  drawPicture();
  for (const k of numbers) {
    drawThumbnail(k);
    showEdits(k);
  }
  showSelection();
  listen();
  document.documentElement.classList.add("ready");
}

start().catch((error) => {
  element("opening").textContent = "This page could not be opened: the file is damaged, or memory short.";
  throw error;
});
