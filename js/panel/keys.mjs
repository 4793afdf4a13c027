import { button, element } from "../dom.mjs";
import { ask } from "../server.mjs";

/**
 * @typedef {{ name: string, label: string, variable: string }} Provider
 * @typedef {{ provider: string, profile: string, source: "environment" | "file", detail: string }} Key
 * @typedef {import("./panel.mjs").Page} Page
 */

const USUAL = "default";
const NO_ANSWER = "ComfyUI does not answer.";

/**
 * Each provider with its keys: set one, try it, remove it. No key ever comes back out of the server.
 * @type {import("./panel.mjs").Show}
 */
export function showKeys(page) {
  const draw = async () => {
    const answer = await ask("keys");
    if (!answer?.ok) {
      page.root.replaceChildren(element("p", { textContent: answer?.body.error ?? NO_ANSWER }));
      return;
    }
    const { providers, keys } = answer.body;
    const rows = providers.map((/** @type {Provider} */ one) => {
      return providerRow(
        page,
        one,
        keys.filter((/** @type {Key} */ key) => key.provider === one.name),
        draw,
      );
    });
    page.root.replaceChildren(element("ul", { ariaLabel: "Keys" }, ...rows));
  };
  draw().then(() => openWanted(page, page.wanted));
}

/**
 * Open the form of the provider that a sentence names.
 * @param {Page} page
 * @param {string} [sentence]
 */
function openWanted({ root }, sentence) {
  if (!sentence) return;
  const rows = [...root.querySelectorAll("li")].filter((row) => sentence.includes(row.dataset.label ?? "\n"));
  rows.sort((one, other) => (other.dataset.label ?? "").length - (one.dataset.label ?? "").length);
  rows[0]?.querySelector("button")?.click();
}

/**
 * @param {Page} page
 * @param {Provider} provider
 * @param {Key[]} keys
 * @param {() => Promise<void>} draw
 */
function providerRow(page, provider, keys, draw) {
  const open = button("Set a key", () => {
    if (!row.querySelector("form")) row.append(keyForm(page, provider, draw));
    row.querySelector("input")?.focus();
  });
  open.ariaLabel = `Set a key for ${provider.label}`;
  const head = element("div", { className: "row" }, element("strong", { textContent: provider.label }), open);
  const row = element("li", {}, head);
  row.dataset.label = provider.label;
  if (keys.length === 0)
    row.append(
      element("p", {
        className: "soft",
        textContent: `No key. Set one here, or ${provider.variable} in the environment.`,
      }),
    );
  for (const key of keys) row.append(keyLine(page, provider, key, draw));
  return row;
}

/**
 * @param {Page} page
 * @param {Provider} provider
 * @param {Key} key
 * @param {() => Promise<void>} draw
 */
function keyLine(page, provider, key, draw) {
  const where = key.source === "environment" ? `from ${key.detail} in the environment` : `saved for ${key.detail}`;
  const profile = key.profile === USUAL ? "" : `${key.profile}: `;
  const whose = `the ${provider.label} key ${key.profile === USUAL ? "" : key.profile}`.trim();
  const line = element("div", { className: "row" }, element("span", { textContent: `${profile}${where}` }));
  const test = async () => {
    page.say(`Asking ${provider.label}…`);
    const answer = await ask("keys/test", { provider: provider.name, profile: key.profile });
    page.say(answer?.body.says ?? answer?.body.error ?? NO_ANSWER);
  };
  line.append(button("Test", test, { ariaLabel: `Test ${whose}` }));
  if (key.source === "file") {
    const remove = async () => {
      const answer = await ask(`keys/${provider.name}/${key.profile}`, undefined, "DELETE");
      page.say(answer?.ok ? `Removed ${whose}.` : (answer?.body.error ?? NO_ANSWER));
      await draw();
    };
    line.append(button("Remove", remove, { ariaLabel: `Remove ${whose}` }));
  }
  return line;
}

/**
 * What is typed here leaves the page with the request and is gone from it at once.
 * @param {Page} page
 * @param {Provider} provider
 * @param {() => Promise<void>} draw
 */
function keyForm(page, provider, draw) {
  const secret = element("input", { type: "password", autocomplete: "off", required: true, spellcheck: false });
  const profile = element("input", {
    value: USUAL,
    autocomplete: "off",
    title: "A node's key_profile says which key pays.",
  });
  const form = element("form", { ariaLabel: `Key for ${provider.label}`, autocomplete: "off" });
  const close = () => {
    secret.value = "";
    form.remove();
  };
  form.append(
    element("label", {}, `${provider.label} key`, secret),
    element("label", {}, "Profile", profile),
    element(
      "div",
      { className: "row" },
      element("button", { type: "submit", textContent: "Save" }),
      button("Cancel", close),
    ),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = { provider: provider.name, key: secret.value, profile: profile.value.trim() || USUAL };
    secret.value = "";
    const answer = await ask("keys", body);
    if (!answer?.ok) {
      page.say(answer?.body.error ?? NO_ANSWER);
      secret.focus();
      return;
    }
    close();
    page.say(`Saved a key for ${provider.label}. It works at once, and is kept on the machine that runs ComfyUI.`);
    await draw();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
  return form;
}
