import { addRow } from "./boxes.mjs";
import { element, keepToItself, shape, walk } from "./dom.mjs";
import { follow, isLinked, setWidget, widgetOf } from "./graph.mjs";
import { t } from "./words.mjs";

const NAME = "easel_shapes";
const WIDGETS = ["aspect_ratio", "size"];
const LEAST = 3;
const SIDE = 22;
const HEIGHT = 34;
const WIDTH = 30;
const EDGES = 50;
const LOOK = `
  .easel-shapes { display: flex; flex-wrap: wrap; align-content: flex-start; gap: 2px; color: var(--input-text); }
  .easel-shapes button { display: grid; place-items: center; width: ${WIDTH - 2}px; height: ${HEIGHT - 4}px; padding: 0;
    border: 0; border-radius: 6px; cursor: pointer; color: inherit; background: none; }
  .easel-shapes button[hidden] { display: none; }
  .easel-shapes button[aria-checked="true"] { background: var(--comfy-input-bg); outline: 1px solid currentColor; }
  .easel-shapes button:focus-visible { outline: 2px solid currentColor; }
  .easel-shapes rect { fill: none; stroke: currentColor; stroke-width: 1.5; }`;

/** @type {WeakMap<any, () => void>} */
const rows = new WeakMap();

/**
 * Draw a node's shapes anew: what it offers has changed.
 * @param {any} node
 */
export const drawShapes = (node) => rows.get(node)?.();

/**
 * Show what shapes a node can make, to be chosen by their look; the choice is the node's own widget.
 * @param {any} node
 */
export function addShapes(node) {
  if (!node.comfyClass?.startsWith("Easel")) return;
  const widget = WIDGETS.map((name) => widgetOf(node, name)).find((one) => shapesOf(one).length >= LEAST);
  if (!widget) return;
  const row = element("div", { className: "easel-shapes", role: "radiogroup", ariaLabel: t("Shape of the picture") });
  const buttons = shapesOf(widget).map(([value, across, down]) => shapeButton(value, across, down));
  const draw = () => {
    const linked = isLinked(node, widget.name);
    const at = buttons.findIndex((one) => one.value === widget.value);
    buttons.forEach((one, place) => {
      one.hidden = !widget.options.values.includes(one.value);
      one.ariaChecked = String(place === at && !linked);
      one.tabIndex = place === Math.max(at, 0) ? 0 : -1;
      one.disabled = linked;
    });
  };
  for (const one of buttons) {
    one.addEventListener("click", () => {
      setWidget(node, widget, one.value);
      draw();
    });
  }
  walk(buttons);
  row.append(element("style", { textContent: LOOK }), ...buttons);
  keepToItself(row);
  follow(node, [widget], draw);
  rows.set(node, draw);
  addRow(
    node,
    NAME,
    row,
    () => Math.ceil(buttons.filter((one) => !one.hidden).length / Math.max(1, Math.floor((node.size[0] - EDGES) / WIDTH))) * HEIGHT,
  );
  draw();
}

/**
 * The values of a widget that name a shape, such as "16:9" or "1024x1536", with its sides.
 * @param {any} widget
 * @returns {[string, number, number][]}
 */
function shapesOf(widget) {
  const values = widget?.options?.values;
  if (!Array.isArray(values)) return [];
  return values.flatMap((value) => {
    const [, across, down] = /^(\d+)[:x](\d+)$/.exec(value) ?? [];
    return across ? [/** @type {[string, number, number]} */ ([value, Number(across), Number(down)])] : [];
  });
}

/**
 * @param {string} value
 * @param {number} across
 * @param {number} down
 */
function shapeButton(value, across, down) {
  const scale = (SIDE - 2) / Math.max(across, down);
  const [width, height] = [across * scale, down * scale];
  const area = { x: (SIDE - width) / 2, y: (SIDE - height) / 2, width, height, rx: 1.5 };
  const drawn = shape("svg", { width: SIDE, height: SIDE, "aria-hidden": "true" }, shape("rect", area));
  return element("button", { type: "button", role: "radio", value, title: value, ariaLabel: value }, drawn);
}
