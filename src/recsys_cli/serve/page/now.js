/** "Had this now": told to the server about a user, kept in this page about a guest. */

import { outdated, post } from "./api.js";
import { h, idLabel } from "./dom.js";
import { problem, remark, tell } from "./notice.js";

/** The id of whoever has none. */
export const GUEST = "";

export const nameOf = (user) => (user === GUEST ? "the guest" : user);

/** What guests had, by dataset: items with their names, as it came. */
const sessions = new Map();

export const session = (dataset) => sessions.get(dataset) ?? [];

export const startOver = (dataset) => sessions.delete(dataset);

/** A guest's session as a history: newest first, each item once. */
export function sessionHistory(dataset) {
  const items = [...Map.groupBy(session(dataset), (one) => one.item).values()]
    .map((had) => ({ ...had.at(-1), weight: had.length, live: true }))
    .sort((a, b) => b.at - a.at);
  return { total: items.length, items };
}

/**
 * Makes the button of an item of an answer; null where nobody is chosen, or no events are taken.
 *
 * @param {() => Promise<string>} after what is done then, and what is to be said of it.
 */
export function hadNow(user, answer, ready, after = async () => "") {
  if (user === null || (user !== GUEST && !ready.live)) return null;
  return (one) => {
    const id = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    const event = { user, item: one.item, id, request: answer.request_id };
    const button = h("button", { type: "button", class: "quiet now", "aria-label": `Had this now: ${one.name}`, on: { click: take } }, "Had this now");

    async function take() {
      if (button.ariaDisabled) return;
      button.ariaDisabled = "true";
      try {
        if (user === GUEST) keep(answer.dataset, one);
        else await post("events", { events: [event], dataset: answer.dataset });
      } catch (error) {
        button.ariaDisabled = null;
        tell(problem(error, take));
        return;
      }
      outdated();
      button.textContent = "Noted";
      const more = await after();
      tell(remark(h("p", {}, `${one.name} is noted for `, user === GUEST ? nameOf(user) : idLabel(user), ". ", more)));
    }

    return button;
  };
}

function keep(dataset, { item, name }) {
  const had = session(dataset);
  sessions.set(dataset, [...had, { item, name, at: had.length, last: new Date().toISOString() }]);
}
