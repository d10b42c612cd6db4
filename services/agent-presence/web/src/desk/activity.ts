import type { Card, ContactState } from "../wire/wire";

// The first state in this order that any card is in is what the agent does.
const order: readonly (readonly [ContactState, string])[] = [
  ["CONTACT_STATE_CONNECTED", "on a call"],
  ["CONTACT_STATE_HELD", "caller on hold"],
  ["CONTACT_STATE_CONNECTING", "connecting"],
  ["CONTACT_STATE_WRAP_UP", "wrapping up"],
  ["CONTACT_STATE_OFFERED", "offered a contact"],
];

// What the agent does now, derived from the cards; "" is free.
export function activity(cards: readonly Card[]): string {
  return order.find(([state]) => cards.some((c) => c.state === state))?.[1] ?? "";
}
