import { button, element } from "../dom.mjs";
import { latestEstimate, onEstimate } from "../estimates.mjs";
import { nodesAt, show } from "../graph.mjs";
import { words } from "../prices.mjs";
import { totalWords } from "../total.mjs";

/**
 * What each node of the open workflow would cost, and why.
 * @type {import("./panel.mjs").Show}
 */
export function showWorkflow({ root }) {
  const draw = () => {
    const estimate = latestEstimate();
    const prices = Object.entries(estimate?.nodes ?? {});
    if (!estimate || prices.length === 0) {
      root.replaceChildren(element("p", { className: "soft", textContent: "Nothing in this workflow is bought." }));
      return;
    }
    const rows = prices.map(([id, price]) => {
      const node = nodesAt(id).at(-1);
      const name = button(node?.title ?? `Node ${id}`, () => node && show(node), { title: "Show it" });
      name.style.textAlign = "left";
      const row = element(
        "div",
        { className: "row" },
        name,
        element("span", { className: "number", textContent: words([price]) }),
      );
      return element("li", {}, row, element("p", { className: "soft", textContent: price.note }));
    });
    const total = element("p", {}, element("strong", { textContent: `One run: ${totalWords(estimate)}` }));
    if (estimate.sandbox) total.append(" (sandbox: nothing is charged)");
    root.replaceChildren(total, element("ul", { ariaLabel: "Price of each node" }, ...rows));
  };
  draw();
  return onEstimate(draw);
}
