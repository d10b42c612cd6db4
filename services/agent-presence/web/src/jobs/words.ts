// What a job is like, in words (pure).

import { count } from "../view/format";
import type { ItemKind, ItemOutcome, Job, Outcome, Priority } from "../wire/wire";

export type State = "taking-in" | "running" | "paused" | "cancelling" | "cancelled" | "done" | "failures";

export const stateWord: Record<State, string> = {
  "taking-in": "Being taken in",
  running: "Running",
  paused: "Paused",
  cancelling: "Being cancelled",
  cancelled: "Cancelled",
  done: "Done",
  failures: "Done with failures",
};

export const priorityWord: Record<Priority, string> = {
  PRIORITY_UNSPECIFIED: "By size",
  PRIORITY_BULK: "Bulk",
  PRIORITY_NORMAL: "Normal",
  PRIORITY_URGENT: "Urgent",
};

export function stateOf(job: Job): State {
  if (job.cancelledAt > 0) return finished(job) ? "cancelled" : "cancelling";
  if (job.pending === 0) return job.failed > 0 ? "failures" : "done";
  if (job.pausedAt > 0) return "paused";
  return job.acceptedAt > 0 ? "running" : "taking-in";
}

// Nothing of it changes any more.
export function finished(job: Job): boolean {
  return job.pending === 0 && !job.unsettled;
}

export function ended(job: Job): number {
  return job.total - job.pending;
}

export function titleOf(job: Job): string {
  if (job.file?.name) return job.file.name;
  return job.retryOf ? "Failed items again" : "Items without a file";
}

// "1,200 of 5,000, 3 failed"
export function progressWords(job: Job): string {
  const parts = [`${count(ended(job))} of ${count(job.total)}`];
  if (job.failed > 0) parts.push(`${count(job.failed)} failed`);
  if (job.cancelled > 0) parts.push(`${count(job.cancelled)} cancelled`);
  return parts.join(", ");
}

// What to read out of a change: a new state, and each quarter of the way. "" is nothing.
export function news(before: Job | undefined, after: Job): string {
  if (!before) return "";
  const state = stateOf(after);
  if (state !== stateOf(before)) return `${stateWord[state]}: ${progressWords(after)}.`;
  return quarter(after) > quarter(before) ? `${progressWords(after)}.` : "";
}

function quarter(job: Job): number {
  return job.total === 0 ? 0 : Math.floor((4 * ended(job)) / job.total);
}

// "agent/ann", of servers that name no entity too.
export function entityOf(o: Outcome): string {
  return o.entity || (o.agentId && `agent/${o.agentId}`);
}

export function outcomeWord(o: ItemOutcome): string {
  return o.replace("ITEM_OUTCOME_", "").toLowerCase();
}

// "upsert agent"; "" if it is not known.
export function kindWord(kind: ItemKind | undefined): string {
  if (!kind || kind === "KIND_UNSPECIFIED") return "";
  return kind.replace("KIND_", "").replaceAll("_", " ").toLowerCase();
}

export function hex(base64: string): string {
  return Array.from(atob(base64), (c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}

const units = ["bytes", "KiB", "MiB"];

// "812 bytes", "1.2 MiB"
export function size(bytes: number): string {
  const unit = bytes < 1024 ? 0 : bytes < 1024 * 1024 ? 1 : 2;
  return `${unit === 0 ? bytes : (bytes / 1024 ** unit).toFixed(1)} ${units[unit]}`;
}
