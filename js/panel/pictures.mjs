import { app } from "../../../scripts/app.js";
import { button, element } from "../dom.mjs";
import { dollars } from "../money.mjs";
import { onRunEnd } from "../runs.mjs";
import { address, ask, refusal } from "../server.mjs";
import { t } from "../words.mjs";

/**
 * @typedef {{ digest: string, width: number, height: number }} Picture
 * @typedef {{ id: string, at: number, label: string, operation: string, model: string, prompt: string, seed: number | null,
 *   usd: number | null, workflow: string, has_workflow: boolean, pictures: Picture[] }} Purchase
 * @typedef {import("./panel.mjs").Page} Page
 */

const AT_ONCE = 30;
const SIDE = 256;

/**
 * What was bought, newest first, with the workflow that bought it.
 * @type {import("./panel.mjs").Show}
 */
export function showPictures(page) {
  const list = element("ul", { ariaLabel: t("Pictures") });
  /** @type {number | undefined} */
  let before;
  /** Of those that are in the list. @type {Set<string>} */
  const shown = new Set();
  const rowsOf = (/** @type {Purchase[]} */ purchases) => {
    const unseen = purchases.filter(({ id }) => !shown.has(id));
    for (const { id } of unseen) shown.add(id);
    return unseen.map((purchase) => row(page, purchase));
  };
  const more = button(t("Older"), async () => {
    const answer = await ask(`history?limit=${AT_ONCE}${before === undefined ? "" : `&before=${before}`}`);
    if (!answer?.ok) {
      page.say(refusal(answer));
      return;
    }
    /** @type {Purchase[]} */
    const purchases = answer.body.purchases;
    list.append(...rowsOf(purchases));
    before = purchases.at(-1)?.at;
    more.hidden = purchases.length < AT_ONCE;
    none.hidden = list.childElementCount > 0;
  });
  const newest = async () => {
    const answer = await ask(`history?limit=${AT_ONCE}`);
    /** @type {Purchase[]} */
    const purchases = answer?.ok ? answer.body.purchases : [];
    if (purchases.length < AT_ONCE || purchases.some(({ id }) => shown.has(id))) {
      list.prepend(...rowsOf(purchases));
      none.hidden ||= list.childElementCount > 0;
      return;
    }
    // So many at once that some between them and the list would be missing.
    list.replaceChildren();
    shown.clear();
    before = undefined;
    more.click();
  };
  const none = element("p", { className: "soft", textContent: t("Nothing was bought yet."), hidden: true });
  page.root.append(none, list, more);
  more.hidden = true;
  more.click();
  return onRunEnd(newest);
}

/**
 * @param {Page} page
 * @param {Purchase} purchase
 */
function row(page, purchase) {
  const [first, ...others] = purchase.pictures;
  const wish = purchase.prompt || purchase.operation.replaceAll("_", " ");
  const words = element("figcaption", {}, element("p", { className: "prompt", textContent: wish, title: wish }));
  const price = purchase.usd === null ? "" : ` · ${dollars(purchase.usd)}`;
  const seed = purchase.seed === null ? "" : ` · ${t("seed {seed}", { seed: purchase.seed })}`;
  words.append(
    element("p", { className: "soft", textContent: `${purchase.label} · ${purchase.model}${price}${seed}` }),
  );
  words.append(element("p", { className: "soft", textContent: new Date(purchase.at * 1000).toLocaleString() }));
  if (purchase.has_workflow) words.append(button(t("Load this workflow"), () => load(page, purchase)));
  const shown = element("div", {});
  if (first) shown.append(thumbnail(first, wish));
  if (others.length) shown.append(element("p", { className: "soft", textContent: t("and {n} more", { n: others.length }) }));
  return element("li", {}, element("figure", {}, shown, words));
}

/**
 * @param {Picture} picture
 * @param {string} wish what was asked for
 */
function thumbnail({ digest, width, height }, wish) {
  const image = element("img", { src: address(`picture/${digest}?side=${SIDE}`), loading: "lazy", alt: wish });
  const title = t("{width} × {height}: open it", { width, height });
  return element("a", { href: address(`picture/${digest}`), target: "_blank", rel: "noopener", title }, image);
}

/**
 * @param {Page} page
 * @param {Purchase} purchase
 */
async function load(page, { workflow, label }) {
  const answer = await ask(`workflow/${workflow}`);
  if (answer?.ok) app.loadApiJson(answer.body.prompt, `${label} ${workflow.slice(0, 8)}`);
  else page.say(refusal(answer));
}
