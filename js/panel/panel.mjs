import { app } from "../../../scripts/app.js";
import { element } from "../dom.mjs";
import { showJobs } from "./jobs.mjs";
import { showKeys } from "./keys.mjs";
import { LOOK } from "./look.mjs";
import { showPictures } from "./pictures.mjs";
import { t } from "../words.mjs";
import { sandboxSwitch } from "./sandbox_switch.mjs";
import { showSpending } from "./spending.mjs";
import { showWorkflow } from "./workflow.mjs";

/**
 * What a tab is given: where to draw, what it was opened for, and how it says something to everybody.
 * @typedef {{ root: HTMLElement, wanted?: string, say: (sentence: string) => void }} Page
 * @typedef {(page: Page) => (() => void) | void} Show what ends it, where something must end
 */

const ID = "easel";
const tabsOf = () =>
  /** @type {[string, string, Show][]} */ ([
    ["workflow", t("Workflow"), showWorkflow],
    ["jobs", t("Jobs"), showJobs],
    ["pictures", t("Pictures"), showPictures],
    ["spending", t("Spending"), showSpending],
    ["keys", t("Keys"), showKeys],
  ]);

let chosen = "workflow";
/** @type {string | undefined} */
let wanted;
/** @type {HTMLElement | null} */
let shown = null;
/** @type {() => void} */
let end = () => {};

/** Put Easel's panel into the editor's sidebar. */
export function addPanel() {
  app.extensionManager.registerSidebarTab({
    id: ID,
    icon: "pi pi-palette",
    title: "Easel",
    tooltip: "Easel",
    type: "custom",
    render: draw,
    destroy: close,
  });
}

/**
 * Open the panel at one of its tabs.
 * @param {string} tab
 * @param {string} [what] what it is opened for, such as the sentence that asks for a key
 */
export function openPanel(tab, what) {
  chosen = tab;
  wanted = what;
  if (shown?.isConnected) draw(/** @type {HTMLElement} */ (shown.parentElement));
  else app.extensionManager.command.execute(`Workspace.ToggleSidebarTab.${ID}`);
}

function close() {
  end();
  end = () => {};
  shown?.remove();
  shown = null;
}

/** @param {HTMLElement} container */
function draw(container) {
  close();
  const body = element("div", { className: "body", id: "easel-page", role: "tabpanel" });
  const said = element("p", { role: "status", className: "soft" });
  const head = element(
    "header",
    {},
    element("h2", { textContent: "Easel" }),
    sandboxSwitch((sentence) => (said.textContent = sentence)),
  );
  const parts = tabsOf();
  const tabs = parts.map(([id, label]) => tabButton(id, label));
  const list = element("div", { className: "tabs", role: "tablist", ariaLabel: t("Parts of the panel") }, ...tabs);
  const choose = (/** @type {string} */ id) => {
    chosen = id;
    said.textContent = "";
    end();
    for (const tab of tabs) select(tab, tab.id === `easel-tab-${id}`);
    body.replaceChildren();
    body.setAttribute("aria-labelledby", `easel-tab-${id}`);
    const show = parts.find(([name]) => name === id)?.[2];
    end = show?.({ root: body, wanted, say: (sentence) => (said.textContent = sentence) }) ?? (() => {});
    wanted = undefined;
  };
  tabs.forEach((tab, place) => {
    tab.addEventListener("click", () => choose(parts[place][0]));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = (place + step + tabs.length) % tabs.length;
      choose(parts[next][0]);
      tabs[next].focus();
    });
  });
  const status = element("div", {}, said);
  status.style.padding = "0 12px";
  shown = element(
    "div",
    { className: "easel-panel" },
    element("style", { textContent: LOOK }),
    head,
    list,
    status,
    body,
  );
  // The editor would take letters typed here for its shortcuts.
  shown.addEventListener("keydown", (event) => event.stopPropagation());
  container.style.height = "100%";
  container.append(shown);
  choose(chosen);
}

/**
 * @param {string} id
 * @param {string} label
 */
function tabButton(id, label) {
  const made = element("button", { type: "button", role: "tab", id: `easel-tab-${id}`, textContent: label });
  made.setAttribute("aria-controls", "easel-page");
  return made;
}

/**
 * @param {HTMLElement} tab
 * @param {boolean} isOn
 */
function select(tab, isOn) {
  tab.ariaSelected = String(isOn);
  tab.tabIndex = isOn ? 0 : -1;
}
