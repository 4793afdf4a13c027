import { linesOf, putBox, removeBox } from "./boxes.mjs";
import { element } from "./dom.mjs";
import { widgetOf } from "./graph.mjs";
import { t } from "./words.mjs";

const KIND = "report";
const PROGRESS = "$$node-text-preview";
const LINE = 17;
const PADDING = 12;
const MOST_LINES = 8;
const LOOK = `box-sizing: border-box; padding: ${PADDING / 2}px 8px; border-radius: 6px; overflow: auto;
  max-height: ${MOST_LINES * LINE + PADDING}px; font: 12px/${LINE}px sans-serif; color: var(--input-text);
  background: var(--comfy-input-bg); white-space: pre-wrap; overflow-wrap: anywhere; user-select: text;`;

/**
 * Show on a node what was really used and what it cost: the text belongs to one run.
 * @param {any} node
 * @param {string} text
 */
export function showReport(node, text) {
  const box = element("div", { role: "status", ariaLabel: t("What was used and what it cost"), textContent: text });
  box.style.cssText = LOOK;
  putBox(node, KIND, box, () => Math.min(linesOf(text, node.size[0]), MOST_LINES) * LINE + PADDING);
}

/**
 * Take the report of an earlier run off a node.
 * @param {any} node
 */
export const endReport = (node) => removeBox(node, KIND);

/**
 * Take the progress line off a node that has finished: some editors leave it there and save it with the workflow.
 * @param {any} node
 */
export function endProgress(node) {
  const line = widgetOf(node, PROGRESS);
  if (line) node.removeWidget(line);
}
