import { app } from "../../scripts/app.js";
import { endProgress, showReport } from "./report.mjs";
import { markSandbox } from "./sandbox.mjs";
import { addClicks } from "./segment.mjs";

app.registerExtension({
  name: "Easel.Main",

  setup: markSandbox,

  nodeCreated: addClicks,

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
