// The words for what the wire names. One place, so that card, live region and notes say the same.

import type { Action, Card, ContactState, Presence, Status } from "../wire/wire";

export const statusWord: Record<Status, string> = {
  STATUS_UNSPECIFIED: "Unknown",
  STATUS_OFFLINE: "Offline",
  STATUS_AVAILABLE: "Available",
  STATUS_BUSY: "Busy",
  STATUS_BREAK: "Break",
};

export const stateWord: Record<ContactState, string> = {
  CONTACT_STATE_UNSPECIFIED: "Unknown",
  CONTACT_STATE_QUEUED: "Waiting",
  CONTACT_STATE_OFFERED: "Offer",
  CONTACT_STATE_CONNECTING: "Connecting",
  CONTACT_STATE_CONNECTED: "Connected",
  CONTACT_STATE_HELD: "On hold",
  CONTACT_STATE_WRAP_UP: "Wrap-up",
  CONTACT_STATE_COMPLETED: "Completed",
  CONTACT_STATE_ABANDONED: "Abandoned",
  CONTACT_STATE_OVERFLOWED: "Overflowed",
  CONTACT_STATE_FAILED: "Failed",
  CONTACT_STATE_LOST: "Lost",
};

export const actionWord: Record<Action, string> = {
  ACTION_UNSPECIFIED: "",
  ACTION_ACCEPT: "Accept",
  ACTION_DECLINE: "Decline",
  ACTION_HOLD: "Hold",
  ACTION_RESUME: "Resume",
  ACTION_END: "End",
  ACTION_COMPLETE: "Done",
};

// The customer's address, or that they gave none.
export function who(c: Card): string {
  return c.from || "Unknown caller";
}

// The directory has ended the agent's availability; they go available by hand once they are activated.
export function deactivated(p: Presence): boolean {
  return p.status === "STATUS_OFFLINE" && p.reason === "deactivated";
}

// "available", "busy", "on a break (lunch)", "deactivated".
export function standing(p: Presence): string {
  if (deactivated(p)) return p.reason;
  if (p.status !== "STATUS_BREAK") return statusWord[p.status].toLowerCase();
  return p.reason ? `on a break (${p.reason})` : "on a break";
}

// Servers speak in fragments ("there is no agent ann"); people are shown sentences.
export function sentence(s: string): string {
  if (!s) return "";
  const text = s.charAt(0).toUpperCase() + s.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
