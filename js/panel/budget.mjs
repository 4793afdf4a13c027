import { element } from "../dom.mjs";
import { dollars } from "../money.mjs";
import { ask, refusal } from "../server.mjs";
import { t } from "../words.mjs";

/** @typedef {{ usd: number | null, spent_usd: number | null, from: string, variable: string }} Limit */

const names = () =>
  /** @type {[string, string][]} */ ([
    ["run", t("A run")],
    ["day", t("A day")],
    ["month", t("A month")],
  ]);

/**
 * The limits beyond which Easel buys nothing; null where the server keeps none.
 * @param {import("./panel.mjs").Page} page
 */
export async function budgetForm({ say }) {
  const answer = await ask("budget");
  if (!answer?.ok) return null;
  const form = element("form", { ariaLabel: t("Limits") });
  /** @type {Map<string, HTMLInputElement>} */
  const fields = new Map();
  const put = (/** @type {Record<string, Limit>} */ limits) => {
    form.replaceChildren();
    for (const [name, span] of names()) {
      const limit = limits[name];
      if (!limit) continue;
      const field = element("input", { type: "number", min: "0", step: "any", placeholder: t("no limit") });
      field.defaultValue = limit.usd === null ? "" : String(limit.usd);
      field.disabled = limit.from === "environment";
      fields.set(name, field);
      const spent = limit.spent_usd === null ? "" : `, ${t("{sum} spent", { sum: dollars(limit.spent_usd) })}`;
      const fixed = field.disabled ? ` ${t("(set by {variable})", { variable: limit.variable })}` : "";
      form.append(element("label", {}, `${t("{span}, in US dollars", { span })}${spent}${fixed}`, field));
    }
    form.append(element("button", { type: "submit", textContent: t("Save limits") }));
  };
  put(answer.body.limits);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    // What was not touched may have been changed on another page.
    const changed = [...fields].filter(([, field]) => field.value !== field.defaultValue);
    const wanted = Object.fromEntries(
      changed.map(([name, field]) => [name, field.value === "" ? null : Number(field.value)]),
    );
    const told = await (changed.length ? ask("budget", wanted) : ask("budget"));
    if (told?.ok) put(told.body.limits);
    say(told?.ok ? t("The limits are saved. Beyond them Easel buys nothing.") : refusal(told));
  });
  return element("section", {}, element("h3", { textContent: t("Limits") }), form);
}
