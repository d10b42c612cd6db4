// What changed between two states of the screen, in words: for the live region, and for the notes that stay after a
// card has gone. Pure.

import type { Action, Card } from "../wire/wire";
import type { Held } from "./held";
import { standing, who } from "./words";

export interface News {
  readonly text: string;
  // Read out at once.
  readonly urgent: boolean;
  // Shown as a note: a card went. `stays` until dismissed: the agent may not have been looking.
  readonly note?: { readonly stays: boolean };
}

// What this screen last asked for, by contact.
export type Asked = ReadonlyMap<string, Action>;

export function news(before: Held, after: Held, asked: Asked, now: number): readonly News[] {
  if (!after.known) return [];
  const was = new Map(before.cards.map((c) => [c.contactId, c]));
  const is = new Set(after.cards.map((c) => c.contactId));
  const changed = after.cards.flatMap((c) => arrival(was.get(c.contactId), c, now));
  const gone = before.cards.filter((c) => !is.has(c.contactId)).map((c) => farewell(c, asked.get(c.contactId), now));
  return [...changed, ...gone, ...status(before, after)];
}

function arrival(was: Card | undefined, c: Card, now: number): News[] {
  if (was?.state === c.state) return [];
  switch (c.state) {
    case "CONTACT_STATE_OFFERED": {
      const seconds = Math.max(0, Math.round((c.deadline - now) / 1000));
      return [{ text: `New offer: ${who(c)}, queue ${c.queueName || c.queueId}. ${seconds} seconds to answer.`, urgent: true }];
    }
    case "CONTACT_STATE_CONNECTING":
      return [{ text: `Connecting ${who(c)}.`, urgent: false }];
    case "CONTACT_STATE_CONNECTED":
      return [{ text: was?.state === "CONTACT_STATE_HELD" ? `${who(c)} is off hold.` : `Connected with ${who(c)}.`, urgent: false }];
    case "CONTACT_STATE_HELD":
      return [{ text: `${who(c)} is on hold.`, urgent: false }];
    case "CONTACT_STATE_WRAP_UP":
      return [{ text: `The call with ${who(c)} has ended. Wrap-up.`, urgent: false }];
    default:
      return [];
  }
}

// A deadline that is this close has passed: the server moves what is late within moments.
const moments = 500;

export function farewell(c: Card, asked: Action | undefined, now: number): News {
  const late = c.deadline > 0 && now >= c.deadline - moments;
  switch (c.state) {
    case "CONTACT_STATE_OFFERED":
      if (asked === "ACTION_DECLINE") return gone(`You declined ${who(c)}.`);
      if (late) return gone(`You missed an offer: ${who(c)}. It went on to somebody else.`, true);
      return gone(`The offer of ${who(c)} was withdrawn: the caller hung up, or it went elsewhere.`, true);
    case "CONTACT_STATE_CONNECTING":
      return gone(`${who(c)} could not be connected.`, true);
    case "CONTACT_STATE_WRAP_UP":
      if (asked === "ACTION_COMPLETE") return gone(`Done with ${who(c)}.`);
      return gone(late ? `Wrap-up of ${who(c)} ended: its time was up.` : `Wrap-up of ${who(c)} has ended.`);
    default:
      return gone(`The call with ${who(c)} has ended.`);
  }
}

function gone(text: string, stays = false): News {
  return { text, urgent: false, note: { stays } };
}

function status(before: Held, after: Held): News[] {
  const a = before.presence;
  const b = after.presence;
  if (!before.known || (a.status === b.status && a.reason === b.reason)) return [];
  return [{ text: `You are ${standing(b)}.`, urgent: false }];
}
