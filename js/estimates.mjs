import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { allNodes } from "./graph.mjs";
import { ask } from "./server.mjs";

/**
 * What a run would cost, by the server's word; `usd` null is a price that nobody knows.
 * @typedef {{ usd: number | null, kept: boolean, runs: number, times_known: boolean, note: string }} Price
 * @typedef {{ usd: number | null, at_least: boolean, kept_usd: number, sandbox?: boolean, nodes: Record<string, Price> }} Estimate
 */

const DELAY = 250;
const CHANGES = ["graphChanged", "execution_success", "execution_error", "execution_interrupted"];

/** @type {Set<(estimate: Estimate | null) => void>} */
const listeners = new Set();
/** @type {Estimate | null} */
let latest = null;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let waiting;
let asked = 0;

/** Of the graph as it is, or was a moment ago; null where the server says nothing. */
export const latestEstimate = () => latest;

/**
 * Hear of every new estimate.
 * @param {(estimate: Estimate | null) => void} listener
 * @returns {() => void} ends it
 */
export function onEstimate(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Follow the graph; the end of a run counts as well, since what it bought is free from then on. */
export function followGraph() {
  for (const name of CHANGES) api.addEventListener(/** @type {any} */ (name), estimateSoon);
  estimateSoon();
}

/** Ask once nothing has changed for a moment. */
export function estimateSoon() {
  clearTimeout(waiting);
  waiting = setTimeout(refresh, DELAY);
}

async function refresh() {
  const mine = ++asked;
  const found = await estimateGraph();
  // The answer to an older question may come later.
  if (mine !== asked) return;
  latest = found;
  for (const listener of listeners) listener(found);
}

/**
 * What a run of the whole graph would cost, or only of what these nodes need.
 * @param {string[]} [targets] the server's names of the nodes
 * @returns {Promise<Estimate | null>}
 */
export async function estimateGraph(targets) {
  if (!allNodes().some((node) => node.comfyClass?.startsWith("Easel"))) return null;
  const { output } = await app.graphToPrompt();
  const answer = await ask("estimate", { prompt: targets ? upTo(output, targets) : output });
  return answer?.ok ? answer.body : null;
}

/**
 * The part of a prompt that these nodes need.
 * @param {Record<string, any>} prompt
 * @param {string[]} targets
 */
function upTo(prompt, targets) {
  /** @type {Record<string, any>} */
  const needed = {};
  const open = targets.map(String);
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (needed[id] || !prompt[id]) continue;
    needed[id] = prompt[id];
    for (const value of Object.values(prompt[id].inputs)) if (Array.isArray(value)) open.push(String(value[0]));
  }
  return needed;
}
