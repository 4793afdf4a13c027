const NAME = "easel_report";
const PROGRESS = "$$node-text-preview";
const LINE = 17;
const PADDING = 12;
const MARGIN = 20;
const MOST_LINES = 8;
const LOOK = `box-sizing: border-box; padding: ${PADDING / 2}px 8px; border-radius: 6px; overflow: auto;
  font: 12px/${LINE}px sans-serif; color: var(--input-text); background: var(--comfy-input-bg);
  white-space: pre-wrap; overflow-wrap: anywhere; user-select: text;`;

/**
 * Show on a node what was really used and what it cost.
 * The widget stays out of saved workflows and of exported prompts: its text belongs to one run.
 * @param {any} node
 * @param {string} text
 */
export function showReport(node, text) {
  const widget = node.widgets?.find((/** @type {any} */ one) => one.name === NAME) ?? addReport(node);
  widget.value = text;
  grow(node);
}

/**
 * Take the progress line off a node that has finished: some editors leave it there and save it with the workflow.
 * @param {any} node
 */
export function endProgress(node) {
  const line = node.widgets?.find((/** @type {any} */ one) => one.name === PROGRESS);
  if (line) node.removeWidget(line);
}

/** @param {any} node */
function addReport(node) {
  const box = document.createElement("div");
  box.style.cssText = LOOK;
  box.setAttribute("role", "status");
  box.setAttribute("aria-label", "What was used and what it cost");
  const widget = node.addDOMWidget(NAME, NAME, box, {
    serialize: false,
    hideOnZoom: false,
    getMinHeight: () => heightOf(box.textContent ?? "", node.size[0]),
    getValue: () => box.textContent ?? "",
    setValue: (/** @type {string} */ value) => {
      box.textContent = value;
    },
  });
  widget.serialize = false;
  return widget;
}

/**
 * Height of the text in a node of that width, by a usual letter's width; more than MOST_LINES scroll.
 * @param {string} text
 * @param {number} width
 */
function heightOf(text, width) {
  const letters = Math.max(20, (width - 50) / 6.2);
  const lines = text.split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / letters)), 0);
  return Math.min(lines, MOST_LINES) * LINE + PADDING + MARGIN;
}

/**
 * Make the node tall enough for its widgets, and never smaller than the user made it.
 * @param {any} node
 */
function grow(node) {
  const [width, height] = node.computeSize([...node.size]);
  node.setSize([Math.max(width, node.size[0]), Math.max(height, node.size[1])]);
  node.setDirtyCanvas(true, true);
}
