import { follow, isLinked, widgetOf } from "./graph.mjs";
import { ask } from "./server.mjs";
import { drawShapes } from "./shapes.mjs";

/** What decides which sizes a node can make. */
const CHOOSERS = ["model", "route", "version"];
const SIZES = ["size", "aspect_ratio", "resolution", "megapixels"];

/** The server's answers, by the question. @type {Map<string, Promise<Record<string, string[]>>>} */
const answers = new Map();

/**
 * Let a node's sizes offer only what its model takes. What the node stands at stays, also where its model does not take it:
 * it may come from a saved workflow, and the error says what is wrong with it.
 * @param {any} node
 */
export function addSizes(node) {
  if (!node.comfyClass?.startsWith("Easel")) return;
  const choosers = CHOOSERS.map((name) => widgetOf(node, name)).filter(Boolean);
  const sizes = SIZES.map((name) => widgetOf(node, name)).filter((one) => Array.isArray(one?.options?.values));
  if (choosers.length === 0 || sizes.length === 0) return;
  const whole = new Map(sizes.map((one) => [one, [...one.options.values]]));
  let latest = "";
  const narrow = async () => {
    const deciding = choosers.filter((/** @type {any} */ one) => !isLinked(node, one.name));
    const chosen = Object.fromEntries(deciding.map((/** @type {any} */ one) => [one.name, one.value]));
    const question = JSON.stringify({ node: node.comfyClass, chosen });
    latest = question;
    const taken = await answerTo(question);
    if (latest !== question) return;
    for (const [widget, choices] of whole) {
      const values = choices.filter((one) => taken[widget.name]?.includes(one) !== false || one === widget.value);
      if (String(values) !== String(widget.options.values)) widget.options = { ...widget.options, values };
    }
    drawShapes(node);
  };
  follow(node, [...choosers, ...sizes], narrow);
  narrow();
}

/**
 * Which choices are taken of each size; of none where the server does not say, and then it is asked again another time.
 * @param {string} question
 */
function answerTo(question) {
  const known = answers.get(question) ?? ask("sizes", JSON.parse(question)).then((answer) => (answer?.ok ? answer.body : {}));
  answers.set(question, known);
  known.then((told) => Object.keys(told).length || answers.delete(question));
  return known;
}
