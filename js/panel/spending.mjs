import { element } from "../dom.mjs";
import { dollars } from "../money.mjs";
import { onRunEnd } from "../runs.mjs";
import { address, ask, refusal } from "../server.mjs";
import { t } from "../words.mjs";
import { budgetForm } from "./budget.mjs";
import { columns, rows } from "./chart.mjs";

/**
 * @typedef {{ name: string, label: string, usd: number, purchases: number, pictures: number }} Row
 * @typedef {{ usd: number, purchases: number, pictures: number, unsure_usd: number, sandbox: boolean, rows: Row[] }} Spending
 */

const DAY = 86_400_000;
const spans = () =>
  /** @type {[string, number][]} */ ([
    [t("Last 7 days"), 7],
    [t("Last 30 days"), 30],
    [t("Last 365 days"), 365],
  ]);
const kinds = () =>
  /** @type {[string, string][]} */ ([
    ["provider", t("By provider")],
    ["model", t("By model")],
    ["workflow", t("By workflow")],
  ]);
const MOST_ROWS = 8;
const MOST_COLUMNS = 60;

/**
 * What was spent, on what, and the limits.
 * @type {import("./panel.mjs").Show}
 */
export function showSpending(page) {
  const span = element(
    "select",
    { ariaLabel: t("Of which days") },
    ...spans().map(([label, days]) => new Option(label, String(days))),
  );
  span.value = "30";
  const found = element("div", {});
  const limits = element("div", {});
  page.root.append(element("div", { className: "row" }, span), found, limits);
  const draw = async () => {
    const days = Number(span.value);
    const since = dayOf(Date.now() - (days - 1) * DAY);
    const told = kinds();
    const [byDay, ...parts] = await Promise.all(
      ["day", ...told.map(([by]) => by)].map((by) => ask(`spending?by=${by}&since=${since}`)),
    );
    if (Number(span.value) !== days) return;
    if (!byDay?.ok) {
      found.replaceChildren(element("p", { textContent: refusal(byDay) }));
      return;
    }
    found.replaceChildren(
      ...summary(byDay.body, since, days),
      ...parts.flatMap((part, place) => (part?.ok ? split(part.body, told[place][1]) : [])),
    );
  };
  span.addEventListener("change", draw);
  draw();
  budgetForm(page).then((form) => {
    if (!form) return;
    limits.append(form);
    if (page.wanted === "budget") form.querySelector("input")?.focus();
  });
  return onRunEnd(draw);
}

/**
 * @param {Spending} all
 * @param {string} since
 * @param {number} days
 */
function summary(all, since, days) {
  const purchases = all.purchases === 1 ? t("1 purchase") : t("{n} purchases", { n: all.purchases });
  const pictures = all.pictures === 1 ? t("1 picture") : t("{n} pictures", { n: all.pictures });
  const total = element("p", {}, element("strong", { textContent: dollars(all.usd) }));
  total.append(` ${t("for {purchases}, {pictures}", { purchases, pictures })}`);
  if (all.sandbox) total.append(` ${t("in the sandbox (nothing was charged)")}`);
  const unsure = dollars(all.unsure_usd);
  if (all.unsure_usd) total.append(`. ${t("Of it, {sum} may not have been charged", { sum: unsure })}`);
  const lines = element("a", {
    href: address(`spending.csv?since=${since}`),
    download: "spending.csv",
    textContent: t("Every line as a table (CSV)"),
  });
  if (all.purchases === 0) return [total];
  return [total, columns(eachDay(all.rows, Math.min(days, MOST_COLUMNS)), t("Spent each day")), element("p", {}, lines)];
}

/**
 * Every day up to today, also those on which nothing was bought.
 * @param {Row[]} found
 * @param {number} days
 */
function eachDay(found, days) {
  const spent = new Map(found.map((row) => [row.name, row.usd]));
  const names = Array.from({ length: days }, (_, place) => dayOf(Date.now() - (days - 1 - place) * DAY));
  return names.map((label) => ({ label, usd: spent.get(label) ?? 0 }));
}

/**
 * @param {Spending} part
 * @param {string} title
 */
function split(part, title) {
  const dear = part.rows.filter((row) => row.usd > 0).slice(0, MOST_ROWS);
  return dear.length
    ? [
        element("h3", { textContent: title }),
        rows(
          dear.map(({ label, usd }) => ({ label, usd })),
          title,
        ),
      ]
    : [];
}

/**
 * The day as the ledger names it, in local time.
 * @param {number} time
 */
function dayOf(time) {
  const day = new Date(time);
  const two = (/** @type {number} */ part) => String(part).padStart(2, "0");
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}
