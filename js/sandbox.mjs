import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";

/** Say in the top bar that stand-ins answer and nothing is charged; no mark where the server does not say so. */
export async function markSandbox() {
  if (!(await isSandbox())) return;
  app.registerExtension({
    name: "Easel.Sandbox",
    topbarBadges: [
      {
        label: "EASEL",
        text: "Sandbox: nothing is charged",
        tooltip: "Easel draws stand-in pictures on this machine. Restart ComfyUI without EASEL_SANDBOX to buy real ones.",
        variant: "warning",
      },
    ],
  });
}

/** @returns {Promise<boolean>} */
async function isSandbox() {
  try {
    const answer = await api.fetchApi("/easel/sandbox");
    return answer.ok && (await answer.json()).sandbox === true;
  } catch {
    return false;
  }
}
