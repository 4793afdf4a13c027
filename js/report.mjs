const NAME = "easel_report";

/**
 * Show on a node what was really used and what it cost.
 * The widget stays out of saved workflows and of exported prompts: its text belongs to one run.
 * @param {any} node
 * @param {string} text
 */
export function showReport(node, text) {
  const widget = node.widgets?.find((/** @type {any} */ one) => one.name === NAME) ?? addReport(node);
  widget.value = text;
}

/** @param {any} node */
function addReport(node) {
  const box = document.createElement("textarea");
  box.readOnly = true;
  box.setAttribute("aria-label", "What was used and what it cost");
  Object.assign(box.style, { width: "100%", resize: "none", fontSize: "11px", background: "transparent" });
  const widget = node.addDOMWidget(NAME, NAME, box, {
    serialize: false,
    getMinHeight: () => 48,
    getValue: () => box.value,
    setValue: (/** @type {string} */ value) => {
      box.value = value;
    },
  });
  widget.serialize = false;
  return widget;
}
