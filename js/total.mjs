import { element } from "./dom.mjs";
import { onEstimate } from "./estimates.mjs";
import { dollars } from "./money.mjs";
import { t } from "./words.mjs";

/** @typedef {import("./estimates.mjs").Estimate} Estimate */

const BESIDE = ".actionbar .queue-button-group";
const LOOK = `margin-right: 8px; padding: 2px 8px; border: 0; border-radius: 6px; font: 12px/20px sans-serif; cursor: pointer;
  white-space: nowrap; color: var(--input-text); background: var(--comfy-input-bg);`;

/**
 * The price of the whole graph, beside the Run button.
 * @param {() => void} open called when it is pressed
 */
export function showTotal(open) {
  const mark = element("button", { type: "button" });
  mark.style.cssText = LOOK;
  mark.addEventListener("click", open);
  const place = () => {
    const group = document.querySelector(BESIDE);
    // Its neighbours change when the bar is docked, and what we put among them goes.
    const row = group?.closest(".select-none") ?? group?.parentElement;
    const first = [...(row?.children ?? [])].find((one) => one.contains(group));
    if (first && mark.nextElementSibling !== first) first.before(mark);
  };
  onEstimate((estimate) => {
    const text = estimate ? totalWords(estimate) : "";
    mark.textContent = text;
    mark.title = estimate ? explained(estimate) : "";
    mark.ariaLabel = t("Price of a run: {price}", { price: text });
    if (text) place();
    else mark.remove();
  });
  window.addEventListener("pointerup", () => setTimeout(() => mark.textContent && place()));
}

/** @param {Estimate} estimate */
export function totalWords(estimate) {
  const prices = Object.values(estimate.nodes);
  if (prices.length === 0) return "";
  if (prices.every((one) => one.kept)) return t("free: all kept");
  if (!estimate.usd && (estimate.at_least || estimate.usd === null)) return t("price unknown");
  // Of what leads to no output, nothing runs.
  if (!estimate.usd) return prices.some((one) => one.usd) ? "" : t("free");
  const sum = dollars(estimate.usd);
  return estimate.at_least ? t("{sum} or more", { sum }) : t("about {sum}", { sum });
}

/** @param {Estimate} estimate */
function explained(estimate) {
  const cost = t("What one run of this workflow would cost.");
  const kept = estimate.kept_usd && t("What is kept from before saves {sum}.", { sum: dollars(estimate.kept_usd) });
  const free = estimate.sandbox && t("Sandbox: nothing is charged.");
  return [cost, kept, free, t("Press for the price of each node.")].filter(Boolean).join(" ");
}
