import { shape } from "../dom.mjs";
import { dollars } from "../money.mjs";

/** @typedef {{ label: string, usd: number }} Bar */

const WIDTH = 300;
const HEIGHT = 90;
const ROW = 34;
const LETTERS = 34;

/**
 * Upright bars, one for each day.
 * @param {Bar[]} bars
 * @param {string} name
 */
export function columns(bars, name) {
  const most = Math.max(...bars.map((one) => one.usd), 1e-9);
  const step = WIDTH / bars.length;
  const drawn = bars.map(({ label, usd }, place) => {
    const height = Math.max((usd / most) * (HEIGHT - 20), usd > 0 ? 1 : 0);
    const area = { x: place * step + step * 0.1, y: HEIGHT - height, width: step * 0.8, height, rx: 1 };
    return shape("rect", area, titled(`${label}: ${dollars(usd)}`));
  });
  const top = shape("text", { x: 0, y: 11 });
  top.textContent = dollars(most === 1e-9 ? 0 : most);
  return picture(name, bars, HEIGHT, [top, ...drawn]);
}

/**
 * Lying bars, dearest first, with their names above.
 * @param {Bar[]} bars
 * @param {string} name
 */
export function rows(bars, name) {
  const most = Math.max(...bars.map((one) => one.usd), 1e-9);
  const drawn = bars.flatMap(({ label, usd }, place) => {
    const words = shape("text", { x: 0, y: place * ROW + 12 });
    words.textContent = label.length > LETTERS ? `${label.slice(0, LETTERS - 1)}…` : label;
    const sum = shape("text", { x: WIDTH, y: place * ROW + 12, "text-anchor": "end" });
    sum.textContent = dollars(usd);
    const area = { x: 0, y: place * ROW + 17, width: Math.max((usd / most) * WIDTH, 1), height: 8, rx: 2 };
    return [words, sum, shape("rect", area, titled(`${label}: ${dollars(usd)}`))];
  });
  return picture(name, bars, bars.length * ROW, drawn);
}

/**
 * @param {string} name
 * @param {Bar[]} bars
 * @param {number} height
 * @param {Node[]} drawn
 */
function picture(name, bars, height, drawn) {
  const told = `${name}: ${bars.map(({ label, usd }) => `${label} ${dollars(usd)}`).join(", ")}`;
  return shape("svg", { viewBox: `0 0 ${WIDTH} ${height}`, class: "bars", role: "img", "aria-label": told }, ...drawn);
}

/** @param {string} text */
function titled(text) {
  const title = shape("title", {});
  title.textContent = text;
  return title;
}
