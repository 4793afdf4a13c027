import { app } from "../../scripts/app.js";
import { endProgress, showReport } from "./report.mjs";
import { markSandbox } from "./sandbox.mjs";

app.registerExtension({
  name: "Easel.Main",

  setup: markSandbox,

  beforeRegisterNodeDef(nodeType, nodeData) {
    if (!nodeData.name.startsWith("Easel")) return;
    const before = nodeType.prototype.onExecuted;
    nodeType.prototype.onExecuted = function (output) {
      before?.apply(this, arguments);
      endProgress(this);
      if (output?.text) showReport(this, output.text.join("\n"));
    };
  },
});
