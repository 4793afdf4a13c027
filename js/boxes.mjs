import { element } from "./dom.mjs";

/**
 * What stands at the foot of a node: of each kind one at most, with its height in the graph's pixels.
 * @typedef {{ box: HTMLElement, height: () => number }} Shown
 */

const NAME = "easel_foot";
const MARGIN = 20;
const LETTER = 6.2;
const SIDES = 50;

/** @type {WeakMap<any, { foot: HTMLElement, shown: Map<string, Shown> }>} */
const feet = new WeakMap();

/**
 * Give a node the place for its boxes. It is there from the beginning, empty, since Nodes 2.0 of the oldest editor does not
 * see a widget that comes later; it stays out of saved workflows and of exported prompts.
 * @param {any} node
 */
export function addFoot(node) {
  if (!node.comfyClass?.startsWith("Easel")) return;
  const foot = element("div", { hidden: true });
  const shown = new Map();
  addRow(node, NAME, foot, () => [...shown.values()].reduce((sum, one) => sum + one.height(), 0));
  feet.set(node, { foot, shown });
}

/**
 * Something of ours among a node's widgets, without a value of its own.
 * @param {any} node
 * @param {string} name
 * @param {HTMLElement} row
 * @param {() => number} height in the graph's pixels; 0 while there is nothing to see
 */
export function addRow(node, name, row, height) {
  const needed = () => height() && height() + MARGIN;
  const widget = node.addDOMWidget(name, name, row, {
    serialize: false,
    hideOnZoom: false,
    getMinHeight: needed,
    getMaxHeight: needed,
    getValue: () => "",
    setValue: () => {},
  });
  widget.serialize = false;
}

/**
 * Show a box on a node, in the place of an earlier one of its kind.
 * @param {any} node
 * @param {string} kind
 * @param {HTMLElement} box
 * @param {() => number} height
 */
export function putBox(node, kind, box, height) {
  const found = feet.get(node);
  if (!found) return;
  removeBox(node, kind);
  found.shown.set(kind, { box, height });
  found.foot.hidden = false;
  found.foot.append(box);
  grow(node);
}

/**
 * Take a box off, where there is one.
 * @param {any} node
 * @param {string} kind
 */
export function removeBox(node, kind) {
  const found = feet.get(node);
  const shown = found?.shown.get(kind);
  if (!found || !shown) return;
  const [width, height] = node.size;
  // What the user has made taller stays so.
  const isTight = height <= node.computeSize([width, height])[1] + 1;
  shown.box.remove();
  found.shown.delete(kind);
  found.foot.hidden = found.shown.size === 0;
  if (isTight) node.setSize([width, node.computeSize([width, height])[1]]);
  node.setDirtyCanvas(true, true);
}

/**
 * How many lines a text takes in a node of that width, by a usual letter's width.
 * @param {string} text
 * @param {number} width
 */
export function linesOf(text, width) {
  const letters = Math.max(20, (width - SIDES) / LETTER);
  return text.split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / letters)), 0);
}

/**
 * Make the node tall enough for its widgets, and never smaller than the user made it.
 * @param {any} node
 */
export function grow(node) {
  const [width, height] = node.computeSize([...node.size]);
  node.setSize([Math.max(width, node.size[0]), Math.max(height, node.size[1])]);
  node.setDirtyCanvas(true, true);
}
