import { element } from "../dom.mjs";
import { dollars } from "../money.mjs";
import { ask } from "../server.mjs";

/** @typedef {{ usd: number | null, spent_usd: number | null, from: string, variable: string }} Limit */

const NAMES = /** @type {[string, string][]} */ ([
  ["run", "A run"],
  ["day", "A day"],
  ["month", "A month"],
]);

/**
 * The limits beyond which Easel buys nothing; null where the server keeps none.
 * @param {import("./panel.mjs").Page} page
 */
export async function budgetForm({ say }) {
  const answer = await ask("budget");
  if (!answer?.ok) return null;
  const form = element("form", { ariaLabel: "Limits" });
  /** @type {Map<string, HTMLInputElement>} */
  const fields = new Map();
  const put = (/** @type {Record<string, Limit>} */ limits) => {
    form.replaceChildren();
    for (const [name, label] of NAMES) {
      const limit = limits[name];
      if (!limit) continue;
      const field = element("input", { type: "number", min: "0", step: "any", placeholder: "no limit" });
      field.value = limit.usd === null ? "" : String(limit.usd);
      field.disabled = limit.from === "environment";
      fields.set(name, field);
      const spent = limit.spent_usd === null ? "" : `, ${dollars(limit.spent_usd)} spent`;
      const fixed = field.disabled ? ` (set by ${limit.variable})` : "";
      form.append(element("label", {}, `${label}, in US dollars${spent}${fixed}`, field));
    }
    form.append(element("button", { type: "submit", textContent: "Save limits" }));
  };
  put(answer.body.limits);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const open = [...fields].filter(([, field]) => !field.disabled);
    const wanted = Object.fromEntries(
      open.map(([name, field]) => [name, field.value === "" ? null : Number(field.value)]),
    );
    const told = await ask("budget", wanted);
    if (told?.ok) put(told.body.limits);
    say(
      told?.ok
        ? "The limits are saved. Beyond them Easel buys nothing."
        : (told?.body.error ?? "ComfyUI does not answer."),
    );
  });
  return element("section", {}, element("h3", { textContent: "Limits" }), form);
}
