import { element } from "../dom.mjs";
import { estimateSoon, onEstimate } from "../estimates.mjs";
import { setMark } from "../sandbox.mjs";
import { ask, refusal } from "../server.mjs";
import { t } from "../words.mjs";

/**
 * The switch between stand-ins and the real providers; not there where the server has none.
 * @param {(sentence: string) => void} say
 */
export function sandboxSwitch(say) {
  const box = element("input", { type: "checkbox", role: "switch" });
  const label = element("label", {
    hidden: true,
    title: t("In the sandbox Easel draws stand-in pictures, and nothing is charged."),
  });
  label.append(box, ` ${t("Sandbox")}`);
  box.style.width = "auto";
  const put = (/** @type {{ sandbox: boolean, from?: string }} */ state) => {
    box.checked = state.sandbox;
    setMark(state.sandbox);
  };
  ask("sandbox").then((answer) => {
    if (!answer?.ok || answer.body.from === undefined) return;
    label.hidden = false;
    put(answer.body);
    if (answer.body.from !== "environment") return;
    box.disabled = true;
    label.title += ` ${t("EASEL_SANDBOX in ComfyUI's environment decides it.")}`;
  });
  const stop = onEstimate((estimate) => {
    if (!label.isConnected) stop();
    else if (estimate?.sandbox !== undefined) box.checked = estimate.sandbox;
  });
  box.addEventListener("change", async () => {
    const answer = await ask("sandbox", { sandbox: box.checked });
    if (answer?.ok) {
      put(answer.body);
      say(
        answer.body.sandbox
          ? t("Stand-ins draw from now on. Nothing is charged.")
          : t("The real providers draw from now on. They charge."),
      );
    } else {
      box.checked = !box.checked;
      say(refusal(answer));
    }
    estimateSoon();
  });
  return label;
}
