import { expect, test } from "vitest";
import type { Action, Card } from "../wire/wire";
import { Card as CardType } from "../wire/wire";
import { nothing, type Held } from "./held";
import { farewell, news } from "./news";

const now = Date.UTC(2026, 10, 23, 10);
const iso = (ms: number) => new Date(ms).toISOString();

function card(state: string, deadline = now + 15_000): Card {
  return CardType.read(
    { contactId: "c-1", state: `CONTACT_STATE_${state}`, from: "+49 30 1", queueName: "Sales", deadline: iso(deadline) },
    "card",
  );
}

function held(...cards: Card[]): Held {
  return { ...nothing(), known: true, cards };
}

function tells(before: Held, after: Held): string[] {
  return news(before, after, new Map(), now).map((n) => (n.urgent ? "! " : "") + n.text);
}

test("an offer is read out at once, with its time", () => {
  expect(tells(held(), held(card("OFFERED")))).toEqual(["! New offer: +49 30 1, queue Sales. 15 seconds to answer."]);
});

test("the way of a call is told once per step", () => {
  expect(tells(held(card("OFFERED")), held(card("CONNECTING")))).toEqual(["Connecting +49 30 1."]);
  expect(tells(held(card("CONNECTING")), held(card("CONNECTED")))).toEqual(["Connected with +49 30 1."]);
  expect(tells(held(card("CONNECTED")), held(card("CONNECTED")))).toEqual([]);
  expect(tells(held(card("HELD")), held(card("CONNECTED")))).toEqual(["+49 30 1 is off hold."]);
  expect(tells(held(card("CONNECTED")), held(card("WRAP_UP")))).toEqual(["The call with +49 30 1 has ended. Wrap-up."]);
});

test.each<[string, string, number, Action | undefined, RegExp, boolean]>([
  ["declined", "OFFERED", 9_000, "ACTION_DECLINE", /^You declined/, false],
  ["missed", "OFFERED", -10, undefined, /^You missed an offer/, true],
  ["withdrawn", "OFFERED", 9_000, undefined, /withdrawn/, true],
  ["not connected", "CONNECTING", 9_000, "ACTION_ACCEPT", /could not be connected/, true],
  ["done", "WRAP_UP", 9_000, "ACTION_COMPLETE", /^Done with/, false],
  ["wrap-up over", "WRAP_UP", -10, undefined, /time was up/, false],
])("a card that goes says why: %s", (_, state, left, asked, text, stays) => {
  const n = farewell(card(state, now + left), asked, now);
  expect(n.text).toMatch(text);
  expect(n.note).toEqual({ stays });
});
