import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { addRow } from "./boxes.mjs";
import { after, element, keepToItself, walk } from "./dom.mjs";
import { follow, isLinked, setWidget, widgetOf } from "./graph.mjs";
import { t } from "./words.mjs";

const NAME = "easel_quadrants";
const NODES = ["EaselMidjourneyUpscale", "EaselMidjourneyVary"];
const places = () => [t("top left"), t("top right"), t("bottom left"), t("bottom right")];
const HEIGHT = 160;
const noPicture = () => t("To see the grid here, connect its output to Save Pictures or Preview Image.");
const LOOK = `
  .easel-quadrants { position: relative; height: ${HEIGHT}px; display: grid; place-items: center; color: var(--input-text); }
  .easel-quadrants .board { position: relative; height: 100%; aspect-ratio: 1; display: grid; grid-template: 1fr 1fr / 1fr 1fr;
    gap: 2px; background: var(--comfy-input-bg) center / 100% 100% no-repeat; border-radius: 6px; overflow: hidden; }
  .easel-quadrants [hidden] { display: none; }
  .easel-quadrants button { border: 0; background: none; cursor: pointer; color: #fff; font: bold 14px sans-serif;
    text-shadow: 0 0 3px #000, 0 0 3px #000; }
  .easel-quadrants button:hover { background: #fff3; }
  .easel-quadrants button[aria-checked="true"] { box-shadow: inset 0 0 0 3px #38f; }
  .easel-quadrants button:focus-visible { outline: 2px solid #fff; outline-offset: -4px; }`;

/**
 * Let one of a grid's four pictures be chosen by clicking on it; the choice is the node's own widget. The grid is the one that
 * a node behind the grid's output shows; without one, the four places stand for it.
 * @param {any} node
 */
export function addQuadrants(node) {
  if (!NODES.includes(node.comfyClass)) return;
  const widget = widgetOf(node, "which");
  if (!widget) return;
  const board = element("div", { className: "board", role: "radiogroup", ariaLabel: t("Which picture of the grid") });
  const buttons = places().map((place, number) => {
    const value = String(number + 1);
    const made = element("button", {
      type: "button",
      role: "radio",
      value,
      textContent: value,
      ariaLabel: `${value}, ${place}`,
    });
    made.addEventListener("click", () => {
      setWidget(node, widget, value);
      draw();
    });
    return made;
  });
  walk(buttons);
  const picture = new Image();
  picture.addEventListener("load", () => {
    board.style.aspectRatio = `${picture.naturalWidth} / ${picture.naturalHeight}`;
    board.style.backgroundImage = `url("${picture.src}")`;
  });
  const draw = () => {
    // Behind a task of one picture there is nothing to choose from.
    board.hidden = sourceOf(node) !== undefined && outputOf(sourceOf(node)) < 0;
    const linked = isLinked(node, widget.name);
    const at = buttons.findIndex((one) => one.value === String(widget.value));
    buttons.forEach((one, place) => {
      one.ariaChecked = String(place === at && !linked);
      one.tabIndex = place === Math.max(at, 0) ? 0 : -1;
      one.disabled = linked;
    });
    const found = gridOf(node);
    if (found && picture.src !== found) picture.src = found;
    if (!found) board.style.backgroundImage = "";
    board.title = found ? "" : noPicture();
  };
  board.append(...buttons);
  const box = element("div", { className: "easel-quadrants" }, element("style", { textContent: LOOK }), board);
  keepToItself(box);
  box.addEventListener("pointerenter", draw);
  follow(node, [widget], draw);
  api.addEventListener("execution_success", draw);
  after(node, "onRemoved", () => api.removeEventListener("execution_success", draw));
  addRow(node, NAME, box, () => (board.hidden ? 0 : HEIGHT));
  draw();
}

/**
 * The node whose task goes into this one.
 * @param {any} node
 */
function sourceOf(node) {
  if (!node.graph) return undefined;
  const slot = node.inputs?.findIndex((/** @type {any} */ one) => one.name === "task") ?? -1;
  return slot < 0 ? undefined : (node.getInputNode(slot) ?? undefined);
}

/**
 * Which of its outputs is the grid; -1 where it has none.
 * @param {any} source
 * @returns {number}
 */
const outputOf = (source) => source?.outputs?.findIndex((/** @type {any} */ one) => one.name === "grid") ?? -1;

/**
 * The address of the grid whose task goes into this node, where some node shows it.
 * @param {any} node
 * @returns {string | undefined}
 */
function gridOf(node) {
  const source = sourceOf(node);
  const output = outputOf(source);
  if (output < 0) return undefined;
  for (const viewer of source.getOutputNodes?.(output) ?? []) {
    const [image] = /** @type {any} */ (app.nodeOutputs)[viewer.id]?.images ?? [];
    if (image) return new URL(api.apiURL(`/view?${new URLSearchParams(image)}`), location.href).href;
  }
  return undefined;
}
