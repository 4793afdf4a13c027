import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { grow, linesOf, putBox, removeBox } from "./boxes.mjs";
import { button, element, keepToItself } from "./dom.mjs";
import { allNodes, nodesAt, root, show, widgetOf } from "./graph.mjs";
import { endReport } from "./report.mjs";
import { workflowOf } from "./runs.mjs";
import { namedIn, told } from "./sentences.mjs";
import { nameOf, t } from "./words.mjs";

/** @typedef {import("./sentences.mjs").Told} Told */
/** @typedef {(tab: string, provider?: string) => void} OpenPanel what the sentence names is found there */

const KIND = "error";
const LINE = 17;
const FRAME = 24;
const ROW = 34;
// Milliseconds: in the oldest editor it lies over the Run button meanwhile.
const TOLD = 10_000;
const FIELDS = "input, textarea, button, [role=combobox]";
const LOOK = `
  .easel-card { box-sizing: border-box; padding: 8px 10px; border-radius: 6px; border-left: 4px solid var(--error-text, #f44);
    overflow: auto; font: 12px/${LINE}px sans-serif; color: var(--input-text); background: var(--comfy-input-bg);
    user-select: text; overflow-wrap: anywhere; }
  .easel-card p { margin: 0 0 6px; }
  .easel-card button { font: inherit; padding: 3px 10px; margin: 0 6px 6px 0; border: 1px solid var(--border-color);
    border-radius: 6px; cursor: pointer; color: var(--input-text); background: var(--comfy-menu-bg); }
  .easel-card summary { cursor: pointer; opacity: 0.8; }`;

/**
 * Show each error of Easel's on its node, with what to do about it, until the next run.
 * @param {OpenPanel} openPanel
 */
export function showErrors(openPanel) {
  api.addEventListener("execution_start", ({ detail }) => {
    const workflow = workflowOf(detail.prompt_id);
    sessionStorage.removeItem(place(workflow));
    if (workflow === root().id) for (const node of allNodes()) removeBox(node, KIND);
  });
  api.addEventListener("execution_error", ({ detail }) => {
    const error = told(/** @type {any} */ (detail));
    if (!error) return;
    const { node_id: id, node_type: type, prompt_id: run } = /** @type {any} */ (detail);
    const workflow = workflowOf(run);
    sessionStorage.setItem(place(workflow), JSON.stringify({ id: String(id), type, error }));
    const isOpen = workflow === root().id;
    if (isOpen) showErrorAgain(openPanel);
    if (!isOpen || nodesAt(String(id)).at(-1)?.graph !== app.canvas.graph) sayAside(error, isOpen);
  });
}

/**
 * Tell of an error whose card is out of sight: the newest editor would not.
 * @param {Told} error
 * @param {boolean} isInside whether it is in the open workflow, inside a subgraph
 */
function sayAside({ sentence }, isInside) {
  const summary = isInside ? t("A node inside a subgraph has failed") : t("A run of another workflow has failed");
  app.extensionManager.toast.add({ severity: "error", summary, detail: sentence, life: TOLD });
}

/**
 * Show the error again when its workflow is opened again or the page is loaded anew.
 * @param {OpenPanel} openPanel
 */
export function showErrorAgain(openPanel) {
  const kept = JSON.parse(sessionStorage.getItem(place(root().id)) ?? "null");
  const node = kept && nodesAt(kept.id).at(-1);
  if (node?.type === kept?.type && node) addCard(node, kept.error, openPanel);
}

/**
 * Under which name the error of a workflow is kept, for this tab of the browser only.
 * @param {string} workflow
 */
const place = (workflow) => `easel.error.${workflow}`;

/**
 * @param {any} node
 * @param {Told} error
 * @param {OpenPanel} openPanel
 */
function addCard(node, error, openPanel) {
  endReport(node);
  const card = element("div", { className: "easel-card", role: "alert" });
  card.append(element("style", { textContent: LOOK }), element("p", { textContent: error.sentence }));
  const buttons = actions(node, error, openPanel).map(([label, act]) => button(label, act));
  card.append(...buttons);
  let isOpen = false;
  if (error.words) {
    const words = element("details", {}, element("summary", { textContent: t("The provider's words") }));
    words.append(element("p", { textContent: error.words }));
    words.addEventListener("toggle", () => {
      isOpen = words.open;
      grow(node);
    });
    card.append(words);
  }
  keepToItself(card);
  putBox(node, KIND, card, () => {
    const lines = linesOf(error.sentence, node.size[0]) + (isOpen ? linesOf(error.words, node.size[0]) : 0);
    return lines * LINE + FRAME + (buttons.length ? ROW : 0) + (error.words ? ROW : 0);
  });
}

/**
 * What can be done about an error: the label of a button, and what it does.
 * @param {any} node
 * @param {Told} error
 * @param {OpenPanel} openPanel
 * @returns {[string, () => unknown][]}
 */
function actions(node, { type, sentence }, openPanel) {
  const again = () => app.queuePrompt(0, 1);
  switch (type) {
    case "MissingKey":
    case "InvalidKey":
      return [[t("Set the key"), () => openPanel("keys", sentence)]];
    case "BudgetExceeded":
      return [[t("Change the limit"), () => openPanel("spending", "budget")]];
    case "QuotaExhausted":
      return [[t("Use another key"), () => openPanel("keys", sentence)]];
    case "RateLimited":
    case "ProviderDown":
      return [[t("Run again"), again]];
    case "TimedOut":
    case "ResultLost":
      return [[t("See the jobs"), () => openPanel("jobs")]];
    default:
      return toInput(node, type, sentence);
  }
}

/**
 * To the input that a sentence speaks of; what a filter refuses is most often the prompt.
 * @param {any} node
 * @param {string} type
 * @param {string} sentence
 * @returns {[string, () => unknown][]}
 */
function toInput(node, type, sentence) {
  const names = (node.widgets ?? [])
    .filter((/** @type {any} */ one) => !one.hidden)
    .map((/** @type {any} */ one) => one.name);
  const name =
    namedIn(sentence, names) ?? (type === "ContentRejected" && widgetOf(node, "prompt") ? "prompt" : undefined);
  return name ? [[t("Change {name}", { name: nameOf(widgetOf(node, name)) }), () => focus(node, name)]] : [];
}

/**
 * Bring an input into view, and put the keyboard there where it is a field of the page's (the classic canvas draws most).
 * @param {any} node
 * @param {string} name
 */
function focus(node, name) {
  show(node);
  const widget = widgetOf(node, name);
  const label = (widget.label ?? name).replaceAll('"', "");
  const own = [widget.inputEl, widget.element, ...inVueNode(node, label)];
  own.find((one) => one?.isConnected && one.matches(FIELDS))?.focus();
}

/**
 * The fields that may be the input with that label in Nodes 2.0: they carry it, or stand in a row with it.
 * @param {any} node
 * @param {string} label
 * @returns {any[]}
 */
function inVueNode(node, label) {
  const rows = [...document.querySelectorAll(`[data-node-id="${node.id}"] *`)];
  const named = rows.filter((one) =>
    [one.ariaLabel, one.getAttribute("placeholder"), one.textContent?.trim()].includes(label),
  );
  return named.flatMap((one) => [one, ...(one.parentElement?.querySelectorAll(FIELDS) ?? [])]);
}
