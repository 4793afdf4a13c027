import { api } from "../../scripts/api.js";
import { t } from "./words.mjs";

/**
 * What Easel's own routes answer. `body.error` is a sentence for the user where `ok` is false.
 * @typedef {{ ok: boolean, body: any }} Answer
 */

/**
 * Ask one of Easel's routes; null where it does not exist or nobody answers, and then the feature behind it is not there.
 * @param {string} path
 * @param {object} [body] sent as JSON
 * @param {{ method?: string, signal?: AbortSignal }} [how]
 * @returns {Promise<Answer | null>}
 */
export async function ask(path, body, { method = body ? "POST" : "GET", signal } = {}) {
  const sent = body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  try {
    const answer = await api.fetchApi(`/easel/${path}`, { method, signal, ...sent });
    if (answer.status >= 500) return { ok: false, body: {} };
    return { ok: answer.ok, body: await answer.json() };
  } catch {
    return signal?.aborted ? { ok: false, body: {} } : null;
  }
}

/**
 * What to say where an answer is a refusal, or there is none.
 * @param {Answer | null} answer
 * @returns {string}
 */
export const refusal = (answer) => answer?.body.error ?? t("ComfyUI does not answer.");

/**
 * The address of something that Easel serves.
 * @param {string} path
 */
export const address = (path) => api.apiURL(`/easel/${path}`);
