const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Partial<HTMLElementTagNameMap[K]>} properties
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/**
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 * @param {Node[]} children
 */
export function shape(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/**
 * A button that is pressed with the mouse or the keyboard, and does nothing more until what it does has ended. It is not
 * disabled meanwhile, which would take the keyboard off it.
 * @param {string} label
 * @param {() => unknown} press
 * @param {Partial<HTMLButtonElement>} [properties]
 */
export function button(label, press, properties = {}) {
  const made = element("button", { type: "button", textContent: label, ...properties });
  made.addEventListener("click", async () => {
    if (made.ariaDisabled === "true") return;
    made.ariaDisabled = "true";
    try {
      await press();
    } finally {
      made.ariaDisabled = null;
    }
  });
  return made;
}

/**
 * Let the arrow keys go from one of these choices to the next, and press it.
 * @param {HTMLButtonElement[]} choices
 */
export function walk(choices) {
  for (const one of choices) {
    one.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const seen = choices.filter((choice) => !choice.hidden);
      const next = seen[(seen.indexOf(one) + step + seen.length) % seen.length];
      next.focus();
      next.click();
    });
  }
}

/**
 * Call `then` after a hook of the editor's, which keeps its own result.
 * @param {any} owner
 * @param {string} hook
 * @param {(...given: any[]) => void} then
 */
export function after(owner, hook, then) {
  const before = owner[hook];
  owner[hook] = function (/** @type {any[]} */ ...given) {
    const result = before?.apply(this, given);
    then(...given);
    return result;
  };
}

/**
 * Keep the editor from dragging the node, zooming or opening its menu where something of ours is used.
 * @param {HTMLElement} box
 */
export function keepToItself(box) {
  for (const name of ["pointerdown", "pointermove", "pointerup", "contextmenu", "dblclick"]) {
    box.addEventListener(name, (event) => event.stopPropagation());
  }
}
