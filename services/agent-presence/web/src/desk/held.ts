// What the screen holds, and what each frame does to it. Pure: no socket, no clock.
//
// Presence and workload each have a revision of their own, from the epochs of two services. Newer wins; a lower epoch
// than one seen before is refused, also after a reload of the page (session.ts keeps the epochs).

import type { Card, Presence, PresenceChanged, Revision, ServerHeartbeat, Snapshot, Verification, WorkloadChanged } from "../wire/wire";
import { Presence as PresenceType } from "../wire/wire";
import { isZero, newer, same, zero } from "./revision";

export interface Epochs {
  readonly presence: number;
  readonly workload: number;
}

export interface Recovery {
  readonly phase: string;
  // Records of the log, read and in all.
  readonly read: number;
  readonly total: number;
}

export const noRecovery: Recovery = { phase: "", read: 0, total: 0 };

export interface Held {
  // A snapshot has been taken; until then there is nothing to show.
  readonly known: boolean;
  readonly agentName: string;
  readonly presence: Presence;
  readonly presenceRevision: Revision;
  // In the order in which they were offered.
  readonly cards: readonly Card[];
  readonly workloadRevision: Revision;
  // When the agent last became free, by the server's clock; 0 is not known.
  readonly idleSince: number;
  // False while Redis is being rebuilt.
  readonly verified: boolean;
  // How far that is; nothing is known of it while verified.
  readonly recovery: Recovery;
  // The highest epochs seen.
  readonly epochs: Epochs;
}

// applied: it is in. stale: not newer than what is held. gap: something is missing, ask for a snapshot.
// behind: it comes from an epoch that is over.
export type Verdict = "applied" | "stale" | "gap" | "behind";

export interface Outcome {
  readonly held: Held;
  readonly verdict: Verdict;
}

export const noEpochs: Epochs = { presence: 0, workload: 0 };

export function nothing(epochs: Epochs = noEpochs): Held {
  return {
    known: false,
    agentName: "",
    presence: PresenceType.read({}, "presence"),
    presenceRevision: zero,
    cards: [],
    workloadRevision: zero,
    idleSince: 0,
    verified: false,
    recovery: noRecovery,
    epochs,
  };
}

export function takeSnapshot(held: Held, s: Snapshot): Outcome {
  if (behind(s.presenceRevision, held.epochs.presence) || behind(s.workloadRevision, held.epochs.workload)) {
    return { held, verdict: "behind" };
  }
  // A state that is being rebuilt says nothing against what is shown.
  if (held.known && !s.verified) return { held: { ...held, verified: false }, verdict: "applied" };
  const presenceIsOld = held.known && older(s.presenceRevision, held.presenceRevision);
  const workloadIsOld = held.known && older(s.workloadRevision, held.workloadRevision);
  return {
    verdict: "applied",
    held: {
      known: true,
      agentName: s.agentName || held.agentName || s.presence.agentId,
      presence: presenceIsOld ? held.presence : s.presence,
      presenceRevision: presenceIsOld ? held.presenceRevision : s.presenceRevision,
      cards: workloadIsOld ? held.cards : s.workload.cards,
      workloadRevision: workloadIsOld ? held.workloadRevision : s.workloadRevision,
      idleSince: workloadIsOld ? held.idleSince : s.workload.idleSince,
      verified: s.verified,
      recovery: noRecovery,
      epochs: raise(held.epochs, s.presenceRevision, s.workloadRevision),
    },
  };
}

export function takeWorkload(held: Held, d: WorkloadChanged): Outcome {
  const verdict = judge(d.revision, d.previous, held.workloadRevision, held.epochs.workload);
  if (verdict !== "applied") return { held, verdict };
  return {
    verdict,
    held: {
      ...held,
      cards: merge(held.cards, d.changed, d.removed),
      workloadRevision: d.revision,
      epochs: raise(held.epochs, zero, d.revision),
    },
  };
}

export function takePresence(held: Held, d: PresenceChanged): Outcome {
  const verdict = judge(d.revision, d.previous, held.presenceRevision, held.epochs.presence);
  if (verdict !== "applied") return { held, verdict };
  return {
    verdict,
    held: {
      ...held,
      presence: d.presence,
      presenceRevision: d.revision,
      epochs: raise(held.epochs, d.revision, zero),
    },
  };
}

export function takeHeartbeat(held: Held, h: ServerHeartbeat): Outcome {
  const now = { ...held, verified: h.verified };
  if (!held.known || !h.verified) return { held: now, verdict: "applied" };
  if (behind(h.presenceRevision, held.epochs.presence) || behind(h.workloadRevision, held.epochs.workload)) {
    return { held, verdict: "behind" };
  }
  const matches = same(h.presenceRevision, held.presenceRevision) && same(h.workloadRevision, held.workloadRevision);
  return { held: now, verdict: matches ? "applied" : "gap" };
}

export function takeVerification(held: Held, v: Verification): Held {
  return { ...held, verified: v.verified, recovery: v.verified ? noRecovery : { phase: v.phase, read: v.read, total: v.total } };
}

function judge(revision: Revision, previous: Revision, has: Revision, epoch: number): Verdict {
  if (behind(revision, epoch)) return "behind";
  if (!newer(revision, has)) return "stale";
  return same(previous, has) ? "applied" : "gap";
}

function behind(revision: Revision, epoch: number): boolean {
  return !isZero(revision) && revision.epoch < epoch;
}

// A snapshot that says "no such record" is believed: a rebuilt workload without contacts has none.
function older(revision: Revision, than: Revision): boolean {
  return !isZero(revision) && newer(than, revision);
}

function raise(epochs: Epochs, presence: Revision, workload: Revision): Epochs {
  return {
    presence: Math.max(epochs.presence, presence.epoch),
    workload: Math.max(epochs.workload, workload.epoch),
  };
}

function merge(cards: readonly Card[], changed: readonly Card[], removed: readonly string[]): readonly Card[] {
  const news = new Map(changed.map((c) => [c.contactId, c]));
  const kept = cards.filter((c) => !removed.includes(c.contactId)).map((c) => news.get(c.contactId) ?? c);
  const added = changed.filter((c) => !cards.some((k) => k.contactId === c.contactId));
  return [...kept, ...added];
}
