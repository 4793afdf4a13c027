import { button, element } from "../dom.mjs";
import { dollars } from "../money.mjs";
import { ask, refusal } from "../server.mjs";
import { t } from "../words.mjs";

/**
 * @typedef {{ id: string, label: string, model: string, prompt: string, status: string, elapsed: number, fraction: number | null,
 *   queue_position: number | null, usd: number | null, may_cancel: boolean, may_resume: boolean, note: string }} Job
 * @typedef {import("./panel.mjs").Page} Page
 */

const EVERY = 1000;

/**
 * What the providers are working on, and what was left open by a stop or a crash.
 * @type {import("./panel.mjs").Show}
 */
export function showJobs(page) {
  /** @type {Map<string, ReturnType<typeof jobRow>>} */
  const rows = new Map();
  const list = element("ul", { ariaLabel: t("Jobs") });
  const none = element("p", { className: "soft", hidden: true });
  page.root.append(none, list);
  let isOver = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const refresh = async () => {
    const answer = await ask("jobs");
    if (isOver) return;
    clearTimeout(timer);
    timer = setTimeout(refresh, EVERY);
    none.textContent = answer?.ok ? t("Nothing is under way.") : refusal(answer);
    none.hidden = answer?.ok === true && answer.body.jobs.length > 0;
    if (!answer?.ok) return;
    /** @type {Job[]} */
    const jobs = answer.body.jobs;
    for (const [id, row] of rows) {
      if (jobs.some((job) => job.id === id)) continue;
      row.root.remove();
      rows.delete(id);
    }
    for (const job of jobs) {
      // A button that has the focus must stay the same button.
      const row = rows.get(job.id) ?? jobRow(page, job, refresh);
      rows.set(job.id, row);
      row.put(job);
      if (!row.root.isConnected) list.append(row.root);
    }
  };
  refresh();
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}

/**
 * @param {Page} page
 * @param {Job} job
 * @param {() => Promise<void>} refresh
 */
function jobRow(page, job, refresh) {
  const status = element("p", {});
  const note = element("p", { className: "soft" });
  const bar = element("progress", { max: 1, ariaLabel: t("Progress") });
  const tell = (/** @type {string} */ what) => async () => {
    const answer = await ask(`jobs/${job.id}/${what}`, {});
    page.say(answer?.body.says ?? refusal(answer));
    await refresh();
  };
  const name = `${job.label}, ${job.model}`;
  const cancel = button(t("Cancel"), tell("cancel"), { ariaLabel: t("Cancel {name}", { name }) });
  const resume = button(t("Resume"), tell("resume"), { ariaLabel: t("Resume {name}", { name }) });
  const head = element(
    "div",
    { className: "row" },
    element("strong", { textContent: `${job.label} · ${job.model}` }),
    resume,
    cancel,
  );
  const prompt = element("p", { className: "prompt soft", textContent: job.prompt });
  const root = element("li", {}, head, prompt, status, bar, note);
  /** @param {Job} now */
  const put = (now) => {
    const place = now.queue_position;
    const queue = place === null ? "" : `, ${t("place {place} in the queue", { place })}`;
    const price = now.usd === null ? "" : ` · ${dollars(now.usd)}`;
    const elapsed = t("{seconds} s", { seconds: Math.round(now.elapsed) });
    status.textContent = `${now.status || t("under way")}${queue} · ${elapsed}${price}`;
    bar.hidden = now.fraction === null;
    bar.value = now.fraction ?? 0;
    note.textContent = now.note;
    cancel.hidden = !now.may_cancel;
    resume.hidden = !now.may_resume;
  };
  return { root, put };
}
