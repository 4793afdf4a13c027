import { app } from "../../scripts/app.js";
import { after } from "./dom.mjs";

/** The whole workflow, also while the inside of a subgraph is shown. @returns {any} */
export const root = () => /** @type {any} */ (app.graph).rootGraph ?? app.graph;

/**
 * The node that the server calls by this id, behind the subgraph nodes around it: "12:3" is node 3 inside node 12.
 * Empty where it is gone.
 * @param {string} id
 * @returns {any[]}
 */
export function nodesAt(id) {
  // The oldest editor lays the nodes of a subgraph out flat where a prompt is opened, and keeps their ids.
  const flat = root().getNodeById(id);
  if (flat) return [flat];
  const chain = [];
  let graph = root();
  for (const part of id.split(":")) {
    const node = graph?.getNodeById(part) ?? graph?.getNodeById(Number(part));
    if (!node) return [];
    chain.push(node);
    graph = node.subgraph;
  }
  return chain;
}

/**
 * What the server calls a node by, in a run of the whole workflow. Where its subgraph stands several times, by the first.
 * @param {any} node
 * @returns {string}
 */
export function idOf(node) {
  const parent = allNodes().find((one) => one.subgraph && one.subgraph === node.graph);
  return parent ? `${idOf(parent)}:${node.id}` : String(node.id);
}

/**
 * Every node, with those inside subgraphs.
 * @param {any} [graph] the whole workflow unless said
 * @returns {any[]}
 */
export function allNodes(graph = root()) {
  return [...graph.nodes].flatMap((node) => (node.subgraph ? [node, ...allNodes(node.subgraph)] : [node]));
}

/**
 * Bring a node into view.
 * @param {any} node
 */
export function show(node) {
  if (node.graph !== app.canvas.graph) /** @type {any} */ (app.canvas).setGraph(node.graph);
  app.canvas.selectNode(node);
  app.canvas.centerOnNode(node);
}

/**
 * A node's widget of that name.
 * @param {any} node
 * @param {string} name
 * @returns {any}
 */
export const widgetOf = (node, name) => node.widgets?.find((/** @type {any} */ one) => one.name === name);

/**
 * Set an ordinary widget as its own control does.
 * @param {any} node
 * @param {any} widget
 * @param {any} value
 */
export function setWidget(node, widget, value) {
  const before = widget.value;
  widget.value = value;
  widget.callback?.(value, app.canvas, node);
  node.onWidgetChanged?.(widget.name, value, before, widget);
  node.setDirtyCanvas(true, true);
}

/**
 * Whether another node decides what a widget's value is.
 * @param {any} node
 * @param {string} name
 * @returns {boolean}
 */
export function isLinked(node, name) {
  const slot = node.inputs?.findIndex((/** @type {any} */ one) => one.widget?.name === name) ?? -1;
  return slot >= 0 && node.isInputConnected(slot);
}

/**
 * Hear of everything that may change what a widget stands at.
 * @param {any} node
 * @param {any[]} widgets
 * @param {() => void} draw
 */
export function follow(node, widgets, draw) {
  for (const widget of widgets) after(widget, "callback", draw);
  after(node, "onWidgetChanged", draw);
  after(node, "onConfigure", draw);
  after(node, "onConnectionsChange", () => setTimeout(draw));
}
