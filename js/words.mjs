import { app } from "../../scripts/app.js";
import { CHINESE } from "./words.zh.mjs";

/** Whether the editor speaks Chinese: the setting may change while the page is open. */
const isChinese = () => /** @type {any} */ (app.extensionManager?.setting)?.get("Comfy.Locale") === "zh";

/**
 * A sentence of ours in the editor's language, English where it has no other.
 * @param {string} english with a name in braces for each thing that is filled in
 * @param {Record<string, string | number>} [given] what stands in place of those names
 * @returns {string}
 */
export function t(english, given = {}) {
  const sentence = (isChinese() && CHINESE[english]) || english;
  return sentence.replace(/\{(\w+)\}/g, (name, bare) => String(given[bare] ?? name));
}

/**
 * What an input is called on its node.
 * @param {any} widget
 * @returns {string}
 */
export const nameOf = (widget) => (isChinese() && widget.label) || widget.name.replaceAll("_", " ");
