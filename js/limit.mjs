import { app } from "../../scripts/app.js";
import { estimateGraph } from "./estimates.mjs";
import { dollars } from "./money.mjs";

const ID = "Easel.Money.AskAbove";

/** @type {any} The published types know only the editor's own settings. */
export const LIMIT_SETTING = {
  id: ID,
  category: ["Easel", "Money", "Ask above"],
  name: "Ask before a run that costs more than this (US dollars)",
  tooltip: "0 never asks. With a limit, a run whose price nobody knows beforehand is asked about as well.",
  type: "number",
  defaultValue: 0,
  attrs: { min: 0, step: 0.1, minFractionDigits: 0, maxFractionDigits: 4, showButtons: true },
};

let asking = false;

/** Every way to run the graph goes through the editor's one function: the button, the keys, the automatic queue. */
export function guardRuns() {
  const queue = app.queuePrompt;
  app.queuePrompt = async function (number, batchCount = 1, ...rest) {
    if (asking) return false;
    asking = true;
    try {
      if (!(await mayRun(batchCount, targetsOf(rest[0])))) return false;
    } finally {
      asking = false;
    }
    return queue.call(this, number, batchCount, ...rest);
  };
}

/**
 * Some nodes only: an array in one editor, a part of an object in the other.
 * @param {any} given
 * @returns {string[] | undefined}
 */
function targetsOf(given) {
  const targets = Array.isArray(given) ? given : given?.queueNodeIds;
  return targets?.length ? targets : undefined;
}

/**
 * @param {number} times
 * @param {string[] | undefined} targets
 */
async function mayRun(times, targets) {
  const limit = Number(/** @type {any} */ (app.extensionManager.setting).get(ID) ?? 0);
  if (!(limit > 0)) return true;
  const estimate = await estimateGraph(targets);
  if (!estimate) return true;
  const usd = (estimate.usd ?? 0) * times;
  const unknown = estimate.usd === null || estimate.at_least;
  if (usd <= limit && !unknown) return true;
  const sum = usd ? `${unknown ? "at least" : "about"} ${dollars(usd)}` : "an unknown sum";
  const runs = times > 1 ? `These ${times} runs cost` : "This run costs";
  const known = unknown ? "Not every price is known beforehand." : "";
  const free = estimate.sandbox ? "Sandbox: nothing is charged." : "";
  const answer = await app.extensionManager.dialog.confirm({
    title: "Run for that price?",
    message: [`${runs} ${sum}.`, `You are asked above ${dollars(limit)}.`, known, free].filter(Boolean).join(" "),
  });
  return answer === true;
}
