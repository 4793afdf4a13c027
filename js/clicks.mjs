/**
 * The text of a points widget: what was clicked on a picture, in its pixels.
 * @typedef {{ x: number, y: number, label: number }} Point
 * @typedef {[number, number, number, number]} Box
 * @typedef {[number, number]} Size
 * @typedef {{ points: Point[], box: Box | null, size: Size | null }} Clicks
 */

/** @returns {Clicks} */
export const nothing = () => ({ points: [], box: null, size: null });

/**
 * What the text says, one entry for each picture; null where it cannot be read.
 * @param {string} text
 * @returns {Clicks[] | null}
 */
export function read(text) {
  if (!text.trim()) return [nothing()];
  try {
    const value = JSON.parse(text);
    if (Array.isArray(value) && value.every((one) => "x" in one)) return [readOne({ points: value })];
    return (Array.isArray(value) ? value : [value]).map(readOne);
  } catch {
    return null;
  }
}

/**
 * @param {any} value
 * @returns {Clicks}
 */
function readOne(value) {
  const points = (value.points ?? []).map((/** @type {any} */ one) => ({ x: +one.x, y: +one.y, label: one.label ?? 1 }));
  const box = value.box ?? null;
  const numbers = [...points.flatMap((/** @type {Point} */ one) => [one.x, one.y]), ...(box ?? [])];
  if (!numbers.every(Number.isFinite)) throw new TypeError("no numbers");
  return { points, box, size: value.size ?? null };
}

/**
 * The text for these clicks: plain JSON, empty when there are none.
 * @param {Clicks[]} all
 */
export function write(all) {
  const some = all.map(({ points, box, size }) => {
    const given = points.length > 0 || box !== null;
    return { ...(points.length && { points }), ...(box && { box }), ...(given && size && { size }) };
  });
  if (some.every((one) => Object.keys(one).length === 0)) return "";
  return JSON.stringify(some.length === 1 ? some[0] : some);
}

/**
 * The same clicks on a picture of another size.
 * @param {Clicks} clicks
 * @param {Size} size
 * @returns {Clicks}
 */
export function on(clicks, size) {
  const [width, height] = clicks.size ?? size;
  const across = (/** @type {number} */ x) => round((x * size[0]) / width);
  const down = (/** @type {number} */ y) => round((y * size[1]) / height);
  const points = clicks.points.map(({ x, y, label }) => ({ x: across(x), y: down(y), label }));
  const box = clicks.box;
  return { points, box: box && [across(box[0]), down(box[1]), across(box[2]), down(box[3])], size };
}

/**
 * A tenth of a pixel is finer than anyone clicks.
 * @param {number} value
 */
export const round = (value) => Math.round(value * 10) / 10;
