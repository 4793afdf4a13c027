import { app } from "../../scripts/app.js";
import { onEstimate } from "./estimates.mjs";
import { ask } from "./server.mjs";
import { t } from "./words.mjs";

const badge = () => ({
  label: "EASEL",
  text: t("Sandbox: nothing is charged"),
  tooltip: t("Easel draws stand-in pictures on this machine. The switch is in Easel's panel."),
  variant: "warning",
});
/** @type {object[]} */
const shown = [];
let changes = 0;

/**
 * Say in the top bar while stand-ins answer and nothing is charged; no mark where the server does not say so. The switch may
 * be used on another page, and the server started anew.
 */
export async function markSandbox() {
  onEstimate((estimate) => estimate?.sandbox !== undefined && setMark(estimate.sandbox));
  const answer = await ask("sandbox");
  setMark(answer?.ok === true && answer.body.sandbox === true);
}

/**
 * Set or remove the mark.
 * @param {boolean} on
 */
export function setMark(on) {
  if (on === shown.length > 0) return;
  shown.splice(0, 1, ...(on ? [badge()] : []));
  changes += 1;
  // The editor collects badges anew only when an extension joins.
  const topbarBadges = /** @type {any} */ (changes === 1 ? shown : []);
  app.registerExtension({ name: `Easel.Sandbox.${changes}`, topbarBadges });
}
