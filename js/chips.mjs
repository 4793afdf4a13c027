import { addRow, grow } from "./boxes.mjs";
import { button, element, keepToItself } from "./dom.mjs";
import { follow, isLinked, setWidget } from "./graph.mjs";
import { nameOf, t } from "./words.mjs";

const NAME = "easel_chips";
const NODE = "EaselPromptBuilder";
const NONE = "none";
const LETTER = 7;
const FRAME = 34;
const EDGES = 50;
const HEIGHT = 26;
const LOOK = `
  .easel-chips { display: flex; flex-wrap: wrap; align-content: flex-start; gap: 4px;
    font: 12px/16px sans-serif; color: var(--input-text); }
  .easel-chips :is(button, select) { font: inherit; padding: 2px 8px; border: 1px solid var(--border-color, #8886);
    border-radius: 11px; cursor: pointer; color: inherit; background: var(--comfy-input-bg); max-width: 100%; }`;

/**
 * Show the words chosen on a Prompt Builder as chips: a click takes one away, the list adds one. Each is the value of one of
 * the node's own widgets.
 * @param {any} node
 */
export function addChips(node) {
  if (node.comfyClass !== NODE) return;
  const parts = node.widgets.filter((/** @type {any} */ one) => one.options?.values?.[0] === NONE);
  const box = element("div", { className: "easel-chips", role: "group", ariaLabel: t("Chosen words") });
  const adder = element("select", { ariaLabel: t("Add words") }, new Option(t("add…"), ""));
  for (const part of parts) {
    const words = part.options.values
      .slice(1)
      .map((/** @type {string} */ word) => new Option(word, `${part.name}\n${word}`));
    adder.append(element("optgroup", { label: nameOf(part) }, ...words));
  }
  const style = element("style", { textContent: LOOK });
  const chosen = () => parts.filter((/** @type {any} */ one) => one.value !== NONE && !isLinked(node, one.name));
  const draw = () => {
    const chips = chosen().map((/** @type {any} */ part) => {
      const what = `${nameOf(part)}: ${part.value}`;
      return button(`${part.value} ×`, () => put(part, NONE), {
        title: t("{what}. Press to take it away.", { what }),
        ariaLabel: t("Remove {what}", { what }),
      });
    });
    box.replaceChildren(style, ...chips, adder);
    grow(node);
  };
  const put = (/** @type {any} */ part, /** @type {string} */ word) => {
    const isInside = box.contains(document.activeElement);
    setWidget(node, part, word);
    draw();
    // What had the keyboard is drawn anew.
    if (isInside) adder.focus();
  };
  adder.addEventListener("change", () => {
    const [name, word] = adder.value.split("\n");
    const part = parts.find((/** @type {any} */ one) => one.name === name);
    adder.value = "";
    if (part) put(part, word);
  });
  keepToItself(box);
  follow(node, parts, draw);
  addRow(
    node,
    NAME,
    box,
    () =>
      linesFor(
        chosen().map((/** @type {any} */ one) => one.value),
        node.size[0],
      ) * HEIGHT,
  );
  draw();
}

/**
 * How many lines these words take as chips in a node of that width, by a usual letter's width.
 * @param {string[]} words
 * @param {number} width
 */
function linesFor(words, width) {
  let [lines, used] = [1, 0];
  for (const word of [...words, t("add…")]) {
    const needed = word.length * LETTER + FRAME;
    if (used && used + needed > width - EDGES) [lines, used] = [lines + 1, 0];
    used += needed;
  }
  return lines;
}
