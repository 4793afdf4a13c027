import { api } from "../../scripts/api.js";
import { root } from "./graph.mjs";

const ENDS = ["execution_success", "execution_error", "execution_interrupted"];
const MOST = 200;

/** Which workflow each of the last runs of this page is of. @type {Map<string, string>} */
const workflows = new Map();

/** Note of every run from now on which workflow it is of: by the time it fails, the user may look at another. */
export function followRuns() {
  const queue = /** @type {any} */ (api.queuePrompt);
  /** @type {any} */ (api).queuePrompt = async function (/** @type {any[]} */ ...given) {
    const answer = await queue.apply(this, given);
    workflows.set(answer?.prompt_id, given[1]?.workflow?.id);
    if (workflows.size > MOST) workflows.delete(workflows.keys().next().value ?? "");
    return answer;
  };
}

/**
 * The id of the workflow that a run is of; of the open one where nothing is known.
 * @param {string} run
 * @returns {string}
 */
export const workflowOf = (run) => workflows.get(run) ?? root().id;

/**
 * Hear of the end of every run.
 * @param {() => void} then
 * @returns {() => void} ends it
 */
export function onRunEnd(then) {
  for (const name of ENDS) api.addEventListener(/** @type {any} */ (name), then);
  return () => {
    for (const name of ENDS) api.removeEventListener(/** @type {any} */ (name), then);
  };
}
