import { app } from "../../scripts/app.js";
import { addFoot } from "./boxes.mjs";
import { showErrorAgain, showErrors } from "./cards.mjs";
import { addChips } from "./chips.mjs";
import { estimateSoon, followGraph } from "./estimates.mjs";
import { guardRuns, LIMIT_SETTING } from "./limit.mjs";
import { addPanel, openPanel } from "./panel/panel.mjs";
import { addPrice, showPrices } from "./prices.mjs";
import { addQuadrants, showGrids } from "./quadrants.mjs";
import { endProgress, showReport } from "./report.mjs";
import { followRuns } from "./runs.mjs";
import { markSandbox } from "./sandbox.mjs";
import { addClicks } from "./segment.mjs";
import { addShapes } from "./shapes.mjs";
import { addSizes } from "./sizes.mjs";
import { showTotal } from "./total.mjs";

app.registerExtension({
  name: "Easel.Main",

  settings: [LIMIT_SETTING],

  async setup() {
    guardRuns();
    followRuns();
    addPanel();
    showPrices();
    showTotal(() => openPanel("workflow"));
    showErrors(openPanel);
    showGrids();
    followGraph();
    await markSandbox();
  },

  nodeCreated(node) {
    addClicks(node);
    addShapes(node);
    addSizes(node);
    addQuadrants(node);
    addChips(node);
    addPrice(node);
    addFoot(node);
  },

  afterConfigureGraph() {
    showErrorAgain(openPanel);
    estimateSoon();
  },

  beforeRegisterNodeDef(nodeType, nodeData) {
    if (!nodeData.name.startsWith("Easel")) return;
    // The published types leave out the hook that every node has.
    const hooks = /** @type {{ onExecuted?: (output: { text?: string[] }) => void }} */ (nodeType.prototype);
    const before = hooks.onExecuted;
    hooks.onExecuted = function (output) {
      before?.call(this, output);
      endProgress(this);
      if (output?.text) showReport(this, output.text.join("\n"));
    };
  },
});
