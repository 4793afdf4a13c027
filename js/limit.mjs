import { app } from "../../scripts/app.js";
import { estimateGraph, hasOurs } from "./estimates.mjs";
import { allNodes, widgetOf } from "./graph.mjs";
import { dollars } from "./money.mjs";
import { t } from "./words.mjs";

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

/** In US dollars; 0 where there is none. */
const limit = () => Number(/** @type {any} */ (app.extensionManager.setting).get(ID) ?? 0);

/** Every way to run the graph goes through the editor's one function: the button, the keys, the automatic queue. */
export function guardRuns() {
  const queue = app.queuePrompt;
  app.queuePrompt = async function (number, batchCount = 1, ...rest) {
    // Without a limit, and without anything to buy, the editor must not notice that we are here.
    if (limit() > 0 && hasOurs()) {
      if (asking) return false;
      asking = true;
      try {
        if (!(await mayRun(batchCount, targetsOf(rest[0])))) return false;
      } finally {
        asking = false;
      }
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

/** Whether a widget of the graph draws another value after each run. */
const changesItself = () =>
  allNodes().some((node) => (widgetOf(node, "control_after_generate")?.value ?? "fixed") !== "fixed");

/**
 * @param {number} times
 * @param {string[] | undefined} targets
 */
async function mayRun(times, targets) {
  const estimate = await estimateGraph(targets);
  if (!estimate) return true;
  // What is kept is free only for as long as nothing changes from one run to the next.
  const again = changesItself() ? estimate.kept_usd * (times - 1) : 0;
  const usd = (estimate.usd ?? 0) * times + again;
  const unknown = estimate.usd === null || estimate.at_least;
  if (usd <= limit() && !unknown) return true;
  const least = unknown ? t("at least {sum}", { sum: dollars(usd) }) : t("about {sum}", { sum: dollars(usd) });
  const sum = usd ? least : t("an unknown sum");
  const costs = times > 1 ? t("These {times} runs cost {sum}.", { times, sum }) : t("This run costs {sum}.", { sum });
  const above = t("You are asked above {limit}.", { limit: dollars(limit()) });
  const known = unknown ? t("Not every price is known beforehand.") : "";
  const free = estimate.sandbox ? t("Sandbox: nothing is charged.") : "";
  const answer = await app.extensionManager.dialog.confirm({
    title: t("Run for that price?"),
    message: [costs, above, known, free].filter(Boolean).join(" "),
  });
  return answer === true;
}
