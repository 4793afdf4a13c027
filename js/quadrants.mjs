import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { addRow } from "./boxes.mjs";
import { element, keepToItself, walk } from "./dom.mjs";
import { allNodes, follow, isLinked, root, setWidget, widgetOf } from "./graph.mjs";
import { onRunEnd } from "./runs.mjs";
import { t } from "./words.mjs";

const NAME = "easel_quadrants";
const NODES = ["EaselMidjourneyUpscale", "EaselMidjourneyVary"];
const places = () => [t("top left"), t("top right"), t("bottom left"), t("bottom right")];
const HEIGHT = 160;
const noPicture = () => t("The grid shows here once it was made.");
const LOOK = `
  .easel-quadrants { position: relative; height: ${HEIGHT}px; display: grid; place-items: center; color: var(--input-text); }
  .easel-quadrants .board { position: relative; height: 100%; aspect-ratio: 1; display: grid; grid-template: 1fr 1fr / 1fr 1fr;
    gap: 2px; background: #555 center / 100% 100% no-repeat; border-radius: 6px; overflow: hidden; }
  .easel-quadrants [hidden] { display: none; }
  .easel-quadrants button { border: 0; background: none; cursor: pointer; color: #fff; font: bold 14px sans-serif;
    text-shadow: 0 0 3px #000, 0 0 3px #000; }
  .easel-quadrants button:hover { background: #fff3; }
  .easel-quadrants button[aria-checked="true"] { box-shadow: inset 0 0 0 3px #38f; }
  .easel-quadrants button:focus-visible { outline: 2px solid #fff; outline-offset: -4px; }`;

/** How each node's board is drawn anew. @type {WeakMap<any, () => void>} */
const boards = new WeakMap();

/** Show every grid as soon as it is there. */
export function showGrids() {
  onRunEnd(() => {
    for (const node of allNodes()) boards.get(node)?.();
  });
}

/**
 * Let one of a grid's four pictures be chosen by clicking on it; the choice is the node's own widget. Before the grid is
 * known, the four places stand for it.
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
  const paint = () => {
    board.style.aspectRatio = `${picture.naturalWidth} / ${picture.naturalHeight}`;
    board.style.backgroundImage = `url("${picture.src}")`;
  };
  picture.addEventListener("load", paint);
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
    if (!found) board.style.backgroundImage = "";
    else if (picture.src !== found) picture.src = found;
    else if (picture.naturalWidth) paint();
    board.title = found ? "" : noPicture();
  };
  board.append(...buttons);
  const box = element("div", { className: "easel-quadrants" }, element("style", { textContent: LOOK }), board);
  keepToItself(box);
  box.addEventListener("pointerenter", draw);
  follow(node, [widget], draw);
  boards.set(node, draw);
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
 * The address of the grid whose task goes into this node, where it was made since the page was opened.
 * @param {any} node
 * @returns {string | undefined}
 */
function gridOf(node) {
  const source = sourceOf(node);
  if (outputOf(source) < 0) return undefined;
  const place = source.graph === root() ? source.id : `${source.graph.id}:${source.id}`;
  const [grid] = /** @type {any} */ (app.nodeOutputs)[place]?.easel_grid ?? [];
  return grid && new URL(api.apiURL(`/view?${new URLSearchParams(grid)}`), location.href).href;
}
