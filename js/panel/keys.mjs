import { button, element } from "../dom.mjs";
import { ask, refusal } from "../server.mjs";
import { t } from "../words.mjs";

/**
 * @typedef {{ name: string, label: string, variable: string }} Provider
 * @typedef {{ provider: string, profile: string, source: "environment" | "file", detail: string }} Key
 * @typedef {import("./panel.mjs").Page} Page
 */

const USUAL = "default";

/**
 * Each provider with its keys: set one, try it, remove it. No key ever comes back out of the server.
 * @type {import("./panel.mjs").Show}
 */
export function showKeys(page) {
  const draw = async (/** @type {string | undefined} */ label = undefined) => {
    const answer = await ask("keys");
    if (!answer?.ok) {
      page.root.replaceChildren(element("p", { textContent: refusal(answer) }));
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
    page.root.replaceChildren(element("ul", { ariaLabel: t("Keys") }, ...rows));
    // What had the keyboard is drawn anew.
    rows.find((/** @type {HTMLElement} */ row) => row.dataset.label === label)?.querySelector("button")?.focus();
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
 * @param {(label?: string) => Promise<void>} draw with the keyboard at the provider of that label
 */
function providerRow(page, provider, keys, draw) {
  const open = button(t("Set a key"), () => {
    if (!row.querySelector("form")) row.append(keyForm(page, provider, draw));
    row.querySelector("input")?.focus();
  });
  open.ariaLabel = t("Set a key for {provider}", { provider: provider.label });
  const head = element("div", { className: "row" }, element("strong", { textContent: provider.label }), open);
  const row = element("li", {}, head);
  row.dataset.label = provider.label;
  if (keys.length === 0)
    row.append(
      element("p", {
        className: "soft",
        textContent: t("No key. Set one here, or {variable} in the environment.", { variable: provider.variable }),
      }),
    );
  for (const key of keys) row.append(keyLine(page, provider, key, draw));
  return row;
}

/**
 * @param {Page} page
 * @param {Provider} provider
 * @param {Key} key
 * @param {(label?: string) => Promise<void>} draw with the keyboard at the provider of that label
 */
function keyLine(page, provider, key, draw) {
  const where =
    key.source === "environment"
      ? t("from {variable} in the environment", { variable: key.detail })
      : t("saved for {host}", { host: key.detail });
  const isUsual = key.profile === USUAL;
  const profile = isUsual ? "" : `${key.profile}: `;
  const named = { provider: provider.label, profile: key.profile };
  const whose = isUsual ? t("the {provider} key", named) : t("the {provider} key {profile}", named);
  const line = element("div", { className: "row" }, element("span", { textContent: `${profile}${where}` }));
  const test = async () => {
    page.say(t("Asking {provider}…", named));
    const answer = await ask("keys/test", { provider: provider.name, profile: key.profile });
    page.say(answer?.body.says ?? refusal(answer));
  };
  line.append(button(t("Test"), test, { ariaLabel: t("Test {whose}", { whose }) }));
  if (key.source === "file") {
    const remove = async () => {
      const answer = await ask(`keys/${provider.name}/${key.profile}`, undefined, { method: "DELETE" });
      page.say(answer?.ok ? t("Removed {whose}.", { whose }) : refusal(answer));
      await draw(provider.label);
    };
    line.append(button(t("Remove"), remove, { ariaLabel: t("Remove {whose}", { whose }) }));
  }
  return line;
}

/**
 * What is typed here leaves the page with the request and is gone from it at once.
 * @param {Page} page
 * @param {Provider} provider
 * @param {(label?: string) => Promise<void>} draw with the keyboard at the provider of that label
 */
function keyForm(page, provider, draw) {
  const secret = element("input", { type: "password", autocomplete: "off", required: true, spellcheck: false });
  const profile = element("input", {
    value: USUAL,
    autocomplete: "off",
    title: t("A node's key_profile says which key pays."),
  });
  const form = element("form", { ariaLabel: t("Key for {provider}", { provider: provider.label }), autocomplete: "off" });
  const close = () => {
    secret.value = "";
    const row = form.parentElement;
    form.remove();
    row?.querySelector("button")?.focus();
  };
  form.append(
    element("label", {}, t("{provider} key", { provider: provider.label }), secret),
    element("label", {}, t("Profile"), profile),
    element(
      "div",
      { className: "row" },
      element("button", { type: "submit", textContent: t("Save") }),
      button(t("Cancel"), close),
    ),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = { provider: provider.name, key: secret.value, profile: profile.value.trim() || USUAL };
    secret.value = "";
    const answer = await ask("keys", body);
    if (!answer?.ok) {
      page.say(refusal(answer));
      secret.focus();
      return;
    }
    close();
    page.say(
      t("Saved a key for {provider}. It works at once, and is kept on the machine that runs ComfyUI.", {
        provider: provider.label,
      }),
    );
    await draw(provider.label);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
  return form;
}
