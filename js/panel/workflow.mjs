import { button, element } from "../dom.mjs";
import { latestEstimate, onEstimate } from "../estimates.mjs";
import { nodesAt, show } from "../graph.mjs";
import { words } from "../prices.mjs";
import { totalWords } from "../total.mjs";
import { t } from "../words.mjs";

/**
 * What each node of the open workflow would cost, and why.
 * @type {import("./panel.mjs").Show}
 */
export function showWorkflow({ root }) {
  const draw = () => {
    const estimate = latestEstimate();
    const prices = Object.entries(estimate?.nodes ?? {});
    if (!estimate || prices.length === 0) {
      root.replaceChildren(element("p", { className: "soft", textContent: t("Nothing in this workflow is bought.") }));
      return;
    }
    const rows = prices.map(([id, price]) => {
      const node = nodesAt(id).at(-1);
      const name = button(node?.title ?? t("Node {id}", { id }), () => node && show(node), { title: t("Show it") });
      name.style.textAlign = "left";
      const row = element(
        "div",
        { className: "row" },
        name,
        element("span", { className: "number", textContent: words([price]) }),
      );
      return element("li", {}, row, element("p", { className: "soft", textContent: price.note }));
    });
    const price = totalWords(estimate);
    const total = element("p", {}, element("strong", { textContent: t("One run: {price}", { price }) }));
    if (estimate.sandbox) total.append(` ${t("(sandbox: nothing is charged)")}`);
    root.replaceChildren(total, element("ul", { ariaLabel: t("Price of each node") }, ...rows));
  };
  draw();
  return onEstimate(draw);
}
