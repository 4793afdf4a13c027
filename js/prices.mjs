import { after } from "./dom.mjs";
import { estimateSoon, hasOurs, onEstimate } from "./estimates.mjs";
import { allNodes, nodesAt, widgetOf } from "./graph.mjs";
import { dollars } from "./money.mjs";
import { t } from "./words.mjs";

/** @typedef {import("./estimates.mjs").Price} Price */

const NAME = "easel_price";
const PAID = { fgColor: "#fff", bgColor: "#7a5a1f" };
const FREE = { fgColor: "#fff", bgColor: "#2f6b3c" };
const kept = () => t("free: kept");
/** The nodes that have a badge. @type {WeakSet<any>} */
const badged = new WeakSet();

/** Show on every node that buys what it would cost now. */
export function showPrices() {
  onEstimate((estimate) => {
    /** @type {Map<any, Price[]>} */
    const prices = new Map();
    for (const [id, price] of Object.entries(estimate?.nodes ?? {})) {
      for (const node of nodesAt(id)) prices.set(node, [...(prices.get(node) ?? []), price]);
    }
    for (const node of allNodes()) put(node, words(prices.get(node) ?? []));
  });
}

/**
 * Give a node that buys its badge, and follow its widgets; a subgraph node, for what is inside. Nodes 2.0 of the newest editor
 * does not see a badge that comes later.
 * @param {any} node
 */
export function addPrice(node) {
  if (node.isSubgraphNode?.() && hasOurs(node.subgraph)) addBadge(node);
  if (!node.comfyClass?.startsWith("Easel") || !widgetOf(node, "key_profile")) return;
  addBadge(node);
  after(node, "onWidgetChanged", estimateSoon);
  for (const widget of node.widgets) after(widget, "callback", estimateSoon);
}

/**
 * What stands on the badge.
 * @param {Price[]} prices of one node, or of all those inside a subgraph node
 */
export function words(prices) {
  if (prices.length === 0) return "";
  if (prices.every((one) => one.kept)) return kept();
  const known = prices.filter((one) => one.usd !== null);
  if (known.length === 0) return t("price unknown");
  const sum = dollars(known.reduce((total, one) => total + (one.usd ?? 0), 0));
  if (known.length < prices.length) return t("{sum} or more", { sum });
  if (prices.some((one) => !one.times_known)) return t("{sum} each", { sum });
  const [only] = prices;
  return prices.length === 1 && only.runs > 1 ? t("{sum} for {runs}", { sum, runs: only.runs }) : sum;
}

/**
 * @param {any} node
 */
function addBadge(node) {
  badged.add(node);
  addText(node);
  // The oldest editor saves every widget of a subgraph node as one of its inside.
  after(node, "onSerialize", ({ properties }) => {
    const named = properties?.proxyWidgets;
    if (Array.isArray(named)) properties.proxyWidgets = named.filter(([, name]) => name !== NAME);
  });
  const Badge = /** @type {any} */ (window).LGraphBadge;
  node.badges.push(() => {
    const text = widgetOf(node, NAME)?.value ?? "";
    return new Badge({ text, ...(text === kept() ? FREE : PAID) });
  });
}

/**
 * The text is the value of a hidden widget, the one thing whose changes Nodes 2.0 of the newest editor sees.
 * @param {any} node
 */
function addText(node) {
  const widget = node.addWidget("text", NAME, "", () => {}, { serialize: false, hidden: true });
  widget.serialize = false;
  widget.hidden = true;
  return widget;
}

/**
 * @param {any} node
 * @param {string} text
 */
function put(node, text) {
  if (text && !badged.has(node)) addBadge(node);
  const widget = widgetOf(node, NAME) ?? (text && addText(node));
  if (!widget || widget.value === text) return;
  widget.value = text;
  // Nodes 2.0 of the oldest editor looks at badges anew only when it hears of a new title.
  const title = { nodeId: node.id, property: "title", oldValue: node.title, newValue: node.title };
  node.graph?.trigger("node:property:changed", { type: "node:property:changed", ...title });
  node.setDirtyCanvas(true, true);
}
