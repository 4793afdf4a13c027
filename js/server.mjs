import { api } from "../../scripts/api.js";

/**
 * What Easel's own routes answer. `body.error` is a sentence for the user where `ok` is false.
 * @typedef {{ ok: boolean, body: any }} Answer
 */

/**
 * Ask one of Easel's routes; null where it does not exist or nobody answers, and then the feature behind it is not there.
 * @param {string} path
 * @param {object} [body] sent as JSON
 * @param {string} [method]
 * @returns {Promise<Answer | null>}
 */
export async function ask(path, body, method = body ? "POST" : "GET") {
  const sent = body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  try {
    const answer = await api.fetchApi(`/easel/${path}`, { method, ...sent });
    return { ok: answer.ok, body: await answer.json() };
  } catch {
    return null;
  }
}

/**
 * The address of something that Easel serves.
 * @param {string} path
 */
export const address = (path) => api.apiURL(`/easel/${path}`);
