import { t } from "./words.mjs";

/**
 * US dollars for people: $1.20, and as many digits as a small sum needs: $0.0053.
 * @param {number} usd
 */
export function dollars(usd) {
  if (usd === 0 || usd >= 1) return `$${usd.toFixed(2)}`;
  const text = usd.toFixed(4).replace(/0{1,2}$/, "");
  return Number(text) ? `$${text}` : t("less than $0.0001");
}
