// How a figure stands. The thresholds are the common ones of a voice queue: an answer within 20 s, 80 % of them.

import type { QueueFigures } from "../wire/wire";

export type Level = "good" | "watch" | "late";

export interface Standing {
  readonly level: Level;
  // Says the level in words; colour and shape say it again.
  readonly word: string;
}

const good = (word: string): Standing => ({ level: "good", word });
const watch = (word: string): Standing => ({ level: "watch", word });
const late = (word: string): Standing => ({ level: "late", word });

export function waitStanding(q: QueueFigures): Standing {
  if (q.waiting === 0) return good("nobody waits");
  if (q.oldestWaitMs >= 60_000) return late("long wait");
  if (q.oldestWaitMs >= 20_000) return watch("over 20 s");
  return good("in time");
}

// That all are busy is what a busy hour is like; that nobody is there is not.
export function readyStanding(q: QueueFigures): Standing {
  if (q.ready > 0) return good("");
  if (q.inHand > 0) return good("all busy");
  return q.waiting > 0 ? late("nobody there") : watch("nobody there");
}

// Of the answered, the share that was answered within the queue's target; undefined while nobody was.
export function serviceLevel(q: QueueFigures): number | undefined {
  return q.answeredTotal > 0 ? q.answeredInTargetTotal / q.answeredTotal : undefined;
}

export function serviceStanding(share: number | undefined): Standing {
  if (share === undefined) return good("no calls yet");
  if (share >= 0.8) return good("on target");
  if (share >= 0.6) return watch("below 80 %");
  return late("far below 80 %");
}

const order: readonly Level[] = ["good", "watch", "late"];

export function worst(...standings: readonly Standing[]): Level {
  return standings.map((s) => s.level).reduce((a, b) => (order.indexOf(b) > order.indexOf(a) ? b : a), "good");
}

export interface Sum {
  readonly waiting: number;
  readonly oldestWaitMs: number;
  readonly inHand: number;
}

// The sum of `ready` would count an agent once for each of their queues, so there is none.
export function sum(queues: readonly QueueFigures[]): Sum {
  return {
    waiting: queues.reduce((n, q) => n + q.waiting, 0),
    oldestWaitMs: queues.reduce((n, q) => Math.max(n, q.oldestWaitMs), 0),
    inHand: queues.reduce((n, q) => n + q.inHand, 0),
  };
}
