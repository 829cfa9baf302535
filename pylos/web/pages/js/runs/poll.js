// Asks the server again and again while the page is visible. Unchanged answers are not sent, by their ETag.

import { sentence } from "../api.js";

const EVERY = 2500;
const SLOWEST = 15_000;

/**
 * Watches a path of the interface.
 * @param {string} path such as "runs"
 * @param {(answer: any) => void} onAnswer gets every new answer
 * @param {(text: string | null) => void} onTrouble gets what is wrong in a sentence; null when it is over
 * @param {number} [every] milliseconds from an answer to the next question
 * @returns {() => void} ends it
 */
export function watch(path, onAnswer, onTrouble, every = EVERY) {
  let tag = null;
  let timer = 0;
  let wait = every;
  let busy = false;
  let ended = false;

  async function ask() {
    clearTimeout(timer);
    if (busy || ended || document.hidden) return;
    busy = true;
    const trouble = await question();
    busy = false;
    if (ended) return;
    onTrouble(trouble);
    wait = trouble === null ? every : Math.min(wait * 1.5, SLOWEST);
    timer = setTimeout(ask, wait);
  }

  /** One question. The answer is what is wrong, or null. */
  async function question() {
    let response;
    let answer;
    try {
      response = await fetch(`/api/1/${path}`, { headers: tag ? { "if-none-match": tag } : {}, cache: "no-store" });
      if (response.status === 304) return null;
      answer = await response.json();
    } catch {
      return "The server does not answer. Is “pylos play” still running? This page keeps trying.";
    }
    if (ended) return null;
    if (!response.ok) return sentence(answer.error ?? `The server answered with status ${response.status}.`);
    tag = response.headers.get("etag");
    onAnswer(answer);
    return null;
  }

  document.addEventListener("visibilitychange", ask);
  ask();
  return () => {
    ended = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", ask);
  };
}
