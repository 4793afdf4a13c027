import { app } from "../../scripts/app.js";
import { showReport } from "./report.mjs";

app.registerExtension({
  name: "Easel.Main",

  beforeRegisterNodeDef(nodeType, nodeData) {
    if (!nodeData.name.startsWith("Easel")) return;
    const before = nodeType.prototype.onExecuted;
    nodeType.prototype.onExecuted = function (output) {
      before?.apply(this, arguments);
      if (output?.text) showReport(this, output.text.join("\n"));
    };
  },
});
