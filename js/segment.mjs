import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { nothing, on, read, round, write } from "./clicks.mjs";
import { after, element, keepToItself, shape } from "./dom.mjs";
import { idOf } from "./graph.mjs";
import { t } from "./words.mjs";

const NAME = "easel_clicks";
const NODE = "EaselSegment";
const LEAST_HEIGHT = 320;
const NEW_SIZE = [400, 620];
// A hand shakes by this many pixels of the screen in a click that is no drag.
const SHAKE = 4;
const help = () =>
  t("Left click: this. Right click: not this. Drag: a box around it. Click on a point to remove it.");
const noPicture = () => t("The picture shows here once it is known: connect Load Image, or press Segment.");
const unreadable = () => t("The text in points cannot be read. A click starts anew.");
const LOOK = `
  .easel-clicks { display: flex; flex-direction: column; gap: 4px; height: 100%; min-height: ${LEAST_HEIGHT}px;
    font: 12px/16px sans-serif; color: var(--input-text); }
  .easel-clicks .stage { position: relative; flex: 1 1 0; min-height: 0; overflow: hidden; border-radius: 6px;
    background: var(--comfy-input-bg); }
  .easel-clicks .stage > * { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }
  .easel-clicks .stage p { display: grid; place-items: center; margin: 0; padding: 20px; box-sizing: border-box;
    text-align: center; opacity: 0.8; pointer-events: none; }
  .easel-clicks svg { cursor: crosshair; touch-action: none; }
  .easel-clicks .bar { display: flex; gap: 6px; align-items: center; }
  .easel-clicks .bar span { flex: 1; max-height: 48px; overflow: auto; white-space: pre-line; opacity: 0.8; }
  .easel-clicks button { font: inherit; padding: 4px 10px; border: 0; border-radius: 6px; cursor: pointer;
    color: var(--input-text); background: var(--comfy-input-bg); }
  .easel-clicks [hidden] { display: none !important; }`;

/** @typedef {{ filename: string, subfolder: string, type: string }} File */
/** @typedef {{ size: import("./clicks.mjs").Size, pictures: number, picture: File, mask?: File, points: string, report: string }} Shown */

/**
 * Give a Segment node its picture to click on. What is clicked is written into its points widget as plain text, so that an
 * exported workflow needs none of this.
 * @param {any} node
 */
export function addClicks(node) {
  if (node.comfyClass !== NODE) return;
  const clicker = new Clicker(node);
  const widget = node.addDOMWidget(NAME, NAME, clicker.root, {
    serialize: false,
    hideOnZoom: false,
    getMinHeight: () => LEAST_HEIGHT,
    getValue: () => "",
    setValue: () => {},
  });
  widget.serialize = false;
  node.setSize([Math.max(node.size[0], NEW_SIZE[0]), Math.max(node.size[1], NEW_SIZE[1])]);
  after(node, "onExecuted", (/** @type {{ easel_segment?: Shown[] }} */ output) => {
    if (output?.easel_segment?.length) clicker.show(output.easel_segment[0]);
  });
  // The picture of a node just connected is there a moment later, and so are the links inside a new subgraph.
  const drawSoon = () => setTimeout(() => clicker.draw(), 100);
  after(node, "onConfigure", () => (clicker.draw(), drawSoon()));
  after(node, "onConnectionsChange", drawSoon);
  after(clicker.points, "callback", () => clicker.draw());
  clicker.draw();
}

/** The picture, what is clicked on it, and the two buttons below. */
class Clicker {
  /** @param {any} node */
  constructor(node) {
    this.node = node;
    this.points = node.widgets.find((/** @type {any} */ one) => one.name === "points");
    /** @type {Shown | null} */
    this.shown = null;
    /** What was connected when the node last ran. @type {string | undefined} */
    this.ranWith = undefined;
    /** @type {import("./clicks.mjs").Box | null} */
    this.dragged = null;
    /** Of the picture shown. @type {import("./clicks.mjs").Size} */
    this.size = [1, 1];
    this.root = element("div", { className: "easel-clicks" });
    this.picture = element("img", { alt: "", draggable: false });
    this.mask = element("img", { alt: t("The mask"), draggable: false, hidden: true });
    this.sheet = /** @type {SVGSVGElement} */ (shape("svg", { role: "img", "aria-label": t("Picture to click on") }));
    this.hint = element("p", {});
    this.words = element("span", { title: help() });
    this.words.setAttribute("role", "status");
    const title = t("Run this node and what it needs; nothing behind it");
    this.run = element("button", { textContent: t("Segment"), title });
    this.build();
  }

  build() {
    const style = element("style", { textContent: LOOK });
    const stage = element("div", { className: "stage" });
    stage.append(this.picture, this.mask, this.sheet, this.hint);
    const bar = element("div", { className: "bar" });
    const clear = element("button", { textContent: t("Clear"), title: t("Remove every point and the box") });
    bar.append(this.words, clear, this.run);
    this.root.append(style, stage, bar);

    clear.addEventListener("click", () => this.put(nothing()));
    this.run.addEventListener("click", () => app.queuePrompt(0, 1, [idOf(this.node)]));
    this.picture.addEventListener("load", () => this.draw());
    this.root.addEventListener("pointerenter", () => this.draw());
    for (const box of [bar, stage]) keepToItself(box);
    this.sheet.addEventListener("contextmenu", (event) => event.preventDefault());
    this.sheet.addEventListener("pointerdown", (event) => this.press(event));
  }

  /**
   * Show what the node has just worked on, and the mask that it made.
   * @param {Shown} shown
   */
  show(shown) {
    this.shown = shown;
    this.ranWith = this.connected();
    this.mask.src = shown.mask ? address(shown.mask) : "";
    this.draw();
  }

  /** The address of the picture that the connected node shows, if it shows one. */
  connected() {
    // A node that was just removed, or is about to be added, has no connections to ask for.
    if (!this.node.graph) return undefined;
    const slot = this.node.inputs?.findIndex((/** @type {any} */ one) => one.name === "image");
    const source = this.node.getInputNode?.(slot);
    const file = source?.type === "LoadImage" && source.widgets?.find((/** @type {any} */ one) => one.name === "image")?.value;
    // As Nodes 2.0 of the oldest editor, it may not hold the picture that it shows.
    return file ? loaded(file) : source?.imgs?.[0]?.src;
  }

  /** Bring everything up to date. */
  draw() {
    const connected = this.connected();
    const fresh = this.shown !== null && (connected === undefined || connected === this.ranWith);
    const source = fresh && this.shown ? address(this.shown.picture) : connected;
    if (source && this.picture.src !== source) this.picture.src = source;
    const size = fresh && this.shown ? this.shown.size : this.natural();
    const known = source !== undefined && size[0] > 0;
    const all = read(this.points.value);
    this.picture.hidden = !known;
    this.mask.hidden = !(known && fresh && this.shown?.mask);
    this.sheet.style.display = known ? "" : "none";
    this.hint.textContent = known ? (all ? "" : unreadable()) : noPicture();
    // Until the next run, the mask is that of the clicks before.
    const answered = fresh && this.points.value === this.shown?.points;
    this.mask.style.opacity = answered ? "1" : "0.35";
    this.words.textContent = answered && this.shown ? this.shown.report : known ? help() : "";
    if (!known) return;
    this.size = size;
    this.drawClicks(on((all ?? [nothing()])[0], size), size);
  }

  /** @returns {import("./clicks.mjs").Size} */
  natural() {
    return [this.picture.naturalWidth, this.picture.naturalHeight];
  }

  /**
   * @param {import("./clicks.mjs").Clicks} clicks
   * @param {import("./clicks.mjs").Size} size
   */
  drawClicks(clicks, [width, height]) {
    this.sheet.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.sheet.replaceChildren();
    const box = this.dragged ?? clicks.box;
    if (box) {
      const [x1, y1, x2, y2] = box;
      const place = { x: Math.min(x1, x2), y: Math.min(y1, y2), width: Math.abs(x2 - x1), height: Math.abs(y2 - y1) };
      const look = { fill: "none", "stroke-width": 2, "vector-effect": "non-scaling-stroke" };
      this.sheet.append(shape("rect", { ...place, ...look, stroke: "#000" }));
      this.sheet.append(shape("rect", { ...place, ...look, stroke: "#fff", "stroke-dasharray": "6 4" }));
    }
    const radius = this.radius();
    for (const { x, y, label } of clicks.points) {
      const fill = label ? "#22c55e" : "#ef4444";
      const line = { stroke: "#fff", "stroke-width": 2, "vector-effect": "non-scaling-stroke" };
      const arm = radius * 0.5;
      this.sheet.append(shape("circle", { cx: x, cy: y, r: radius, fill, ...line }));
      this.sheet.append(shape("line", { x1: x - arm, y1: y, x2: x + arm, y2: y, ...line }));
      if (label) this.sheet.append(shape("line", { x1: x, y1: y - arm, x2: x, y2: y + arm, ...line }));
    }
  }

  /** Of a point, in pixels of the picture. */
  radius() {
    return Math.max(...this.size) / 50;
  }

  /**
   * Where on the picture the pointer is, kept inside it; null beside it.
   * @param {PointerEvent} event
   * @param {boolean} [clamped]
   * @returns {[number, number] | null}
   */
  place(event, clamped) {
    // Measured on the screen, where every zoom of the editor is in it.
    const area = this.sheet.getBoundingClientRect();
    const [width, height] = this.size;
    const scale = Math.min(area.width / width, area.height / height);
    const x = (event.clientX - area.left - (area.width - width * scale) / 2) / scale;
    const y = (event.clientY - area.top - (area.height - height * scale) / 2) / scale;
    if (!clamped && (x < 0 || y < 0 || x > width || y > height)) return null;
    return [round(Math.min(Math.max(x, 0), width)), round(Math.min(Math.max(y, 0), height))];
  }

  /** @param {PointerEvent} down */
  press(down) {
    const start = this.place(down);
    if (start === null || (down.button !== 0 && down.button !== 2)) return;
    down.preventDefault();
    this.sheet.setPointerCapture(down.pointerId);
    const moved = (/** @type {PointerEvent} */ event) =>
      down.button === 0 && Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) > SHAKE;
    const move = (/** @type {PointerEvent} */ event) => {
      const to = this.place(event, true);
      this.dragged = moved(event) && to ? [...start, ...to] : null;
      this.draw();
    };
    const end = new AbortController();
    const up = (/** @type {PointerEvent} */ event) => {
      end.abort();
      const box = this.dragged;
      this.dragged = null;
      if (event.type === "pointerup") {
        if (box && box[0] !== box[2] && box[1] !== box[3]) this.put({ ...this.clicks(), box });
        else if (!moved(event)) this.click(start, down.button === 0 && !down.shiftKey ? 1 : 0);
      }
      this.draw();
    };
    this.sheet.addEventListener("pointermove", move, { signal: end.signal });
    this.sheet.addEventListener("pointerup", up, { signal: end.signal });
    this.sheet.addEventListener("pointercancel", up, { signal: end.signal });
  }

  /**
   * Add a point, or remove the one that is clicked on.
   * @param {[number, number]} place
   * @param {number} label
   */
  click([x, y], label) {
    const clicks = this.clicks();
    const left = clicks.points.filter((one) => Math.hypot(one.x - x, one.y - y) > this.radius());
    const points = left.length < clicks.points.length ? left : [...left, { x, y, label }];
    this.put({ ...clicks, points });
  }

  /** What is clicked on the picture shown, in its pixels. */
  clicks() {
    return on((read(this.points.value) ?? [nothing()])[0], this.size);
  }

  /**
   * Write down what is clicked; what a script wrote for further pictures stays.
   * @param {import("./clicks.mjs").Clicks} clicks
   */
  put(clicks) {
    const others = (read(this.points.value) ?? []).slice(1);
    this.points.value = write([clicks, ...others]);
    this.points.callback?.(this.points.value);
    this.node.setDirtyCanvas(true, true);
    this.draw();
  }
}

/**
 * The address of a picture that Load Image names, such as "folder/name.png [output]".
 * @param {string} name
 */
function loaded(name) {
  const [, subfolder = "", filename = name, type = "input"] = /^(?:(.*)\/)?([^/]+?)(?: \[(\w+)\])?$/.exec(name) ?? [];
  return address({ filename, subfolder, type });
}

/** @param {File} file */
function address({ filename, subfolder, type }) {
  return new URL(api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`), location.href).href;
}
