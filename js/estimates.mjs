import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { allNodes } from "./graph.mjs";
import { onRunEnd } from "./runs.mjs";
import { ask } from "./server.mjs";

/**
 * What a run would cost, by the server's word; `usd` null is a price that nobody knows.
 * @typedef {{ usd: number | null, kept: boolean, runs: number, times_known: boolean, note: string }} Price
 * @typedef {{ usd: number | null, at_least: boolean, kept_usd: number, sandbox?: boolean, nodes: Record<string, Price> }} Estimate
 */

const DELAY = 250;
const PATIENCE = 15_000;
/** Of a graph that the server could not tell in time, or at all. @type {Estimate} */
const UNKNOWN = { usd: null, at_least: false, kept_usd: 0, nodes: {} };
const CHANGES = ["graphChanged", "reconnected"];

/** @type {Set<(estimate: Estimate | null) => void>} */
const listeners = new Set();
/** @type {Estimate | null} */
let latest = null;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let waiting;
let isAsking = false;
let isOutdated = false;

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

/**
 * Follow the graph; the end of a run counts as well, since what it bought is free from then on, and so does every return to
 * the page or to the server: what decides on the price may have been changed elsewhere.
 */
export function followGraph() {
  for (const name of CHANGES) api.addEventListener(/** @type {any} */ (name), estimateSoon);
  onRunEnd(estimateSoon);
  window.addEventListener("focus", estimateSoon);
  estimateSoon();
}

/** Ask once nothing has changed for a moment. */
export function estimateSoon() {
  clearTimeout(waiting);
  waiting = setTimeout(refresh, DELAY);
}

/** One question at a time: a slow server is not asked again before it has answered. */
async function refresh() {
  isOutdated = isAsking;
  if (isAsking) return;
  isAsking = true;
  try {
    do {
      isOutdated = false;
      latest = await estimateGraph();
    } while (isOutdated);
  } finally {
    isAsking = false;
  }
  for (const listener of listeners) listener(latest);
}

/**
 * Whether a graph has nodes that Easel could tell the price of.
 * @param {any} [graph] the whole workflow unless said
 */
export const hasOurs = (graph) => allNodes(graph).some((node) => node.comfyClass?.startsWith("Easel"));

/**
 * What a run of the whole graph would cost, or only of what these nodes need; null where it holds nothing of Easel's and
 * where Easel's routes are missing.
 * @param {string[]} [targets] the server's names of the nodes
 * @returns {Promise<Estimate | null>}
 */
export async function estimateGraph(targets) {
  if (!hasOurs()) return null;
  const whole = await wholePrompt();
  const prompt = targets ? upTo(whole, targets) : whole;
  if (!Object.values(prompt).some((node) => node.class_type?.startsWith("Easel"))) return null;
  const answer = await ask("estimate", { prompt }, { signal: AbortSignal.timeout(PATIENCE) });
  if (answer && !answer.ok) return UNKNOWN;
  return answer?.body.nodes ? answer.body : null;
}

/**
 * The graph in API format; empty where another pack's node fails in it, of which the editor tells when it runs.
 * @returns {Promise<Record<string, any>>}
 */
async function wholePrompt() {
  try {
    return (await app.graphToPrompt()).output;
  } catch {
    return {};
  }
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
