/**
 * What the server tells of a node that failed, taken apart for the card.
 * @typedef {{ type: string, sentence: string, words: string }} Told
 */

const PREFIX = "easel.";
const WORDS = " The provider's words: ";

/**
 * Take one of Easel's own errors apart; null for all others.
 * @param {{ exception_type?: string, exception_message?: string }} error
 * @returns {Told | null}
 */
export function told({ exception_type: type = "", exception_message: message = "" }) {
  if (!type.startsWith(PREFIX)) return null;
  const [sentence, ...words] = message.trim().split(WORDS);
  return { type: type.slice(PREFIX.length), sentence: sentence.trim(), words: words.join(WORDS).trim() };
}

/**
 * The input that a sentence names: of several, the one with the longest name, since "prompt" is a part of "negative_prompt".
 * @param {string} sentence
 * @param {string[]} names
 */
export function namedIn(sentence, names) {
  const plain = sentence.toLowerCase().replaceAll("_", " ");
  const found = names.filter((name) => new RegExp(`\\b${name.toLowerCase().replaceAll("_", " ")}\\b`).test(plain));
  return found.sort((one, other) => other.length - one.length)[0];
}
