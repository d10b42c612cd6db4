import { describe, expect, test } from "vitest";
import * as wire from "../wire/wire";
import { nothing, takeHeartbeat, takePresence, takeSnapshot, takeWorkload, type Held } from "./held";

const at = (epoch: number, n: number) => ({ epoch, n });
const card = (contactId: string, state = "CONTACT_STATE_OFFERED") => ({ contactId, state });

function snapshot(workload: object, presence: object, cards: object[], verified = true): wire.Snapshot {
  const json = { workloadRevision: workload, presenceRevision: presence, workload: { cards }, verified };
  return wire.Snapshot.read(json, "snapshot");
}

function delta(previous: object, revision: object, changed: object[], removed: string[] = []): wire.WorkloadChanged {
  return wire.WorkloadChanged.read({ previous, revision, changed, removed }, "delta");
}

const ids = (h: Held) => h.cards.map((c) => `${c.contactId} ${c.state.replace("CONTACT_STATE_", "")}`);
const start = takeSnapshot(nothing(), snapshot(at(5, 3), at(2, 1), [card("a")])).held;

describe("a delta", () => {
  test("on the revision held is applied, in the order of offers", () => {
    const { held, verdict } = takeWorkload(
      start,
      delta(at(5, 3), at(5, 4), [card("b"), card("a", "CONTACT_STATE_CONNECTED")]),
    );
    expect(verdict).toBe("applied");
    expect(ids(held)).toEqual(["a CONNECTED", "b OFFERED"]);
    const after = takeWorkload(held, delta(at(5, 4), at(5, 5), [], ["a"]));
    expect(ids(after.held)).toEqual(["b OFFERED"]);
  });

  test("that is not newer changes nothing", () => {
    for (const r of [at(5, 3), at(5, 2)]) {
      const out = takeWorkload(start, delta(at(5, 1), r, [], ["a"]));
      expect(out).toEqual({ held: start, verdict: "stale" });
    }
  });

  test("on another revision than the one held shows a gap", () => {
    const out = takeWorkload(start, delta(at(5, 4), at(5, 5), [card("c")]));
    expect(out).toEqual({ held: start, verdict: "gap" });
  });

  test("of a later epoch is newer, whatever n says", () => {
    const out = takeWorkload(start, delta(at(5, 3), at(6, 1), [], ["a"]));
    expect(out.verdict).toBe("applied");
    expect(out.held.epochs).toEqual({ presence: 2, workload: 6 });
  });

  test("of a lower epoch is refused", () => {
    expect(takeWorkload(start, delta(at(4, 90), at(4, 91), [card("x")])).verdict).toBe("behind");
  });

  test("of presence has a revision of its own", () => {
    const d = { previous: at(2, 1), revision: at(2, 2), presence: { status: "STATUS_AVAILABLE" } };
    const out = takePresence(start, wire.PresenceChanged.read(d, "delta"));
    expect(out.held.presence.status).toBe("STATUS_AVAILABLE");
    expect(out.held.workloadRevision).toEqual(at(5, 3));
    expect(takePresence(out.held, wire.PresenceChanged.read({ ...d, revision: at(2, 3) }, "delta")).verdict).toBe("gap");
  });
});

describe("a snapshot", () => {
  test("of a lower epoch is refused, also by a screen that has just been reloaded", () => {
    const reloaded = nothing({ presence: 2, workload: 5 });
    expect(takeSnapshot(reloaded, snapshot(at(4, 9), at(2, 1), [])).verdict).toBe("behind");
    expect(takeSnapshot(reloaded, snapshot(at(5, 1), at(1, 9), [])).verdict).toBe("behind");
    expect(takeSnapshot(reloaded, snapshot(at(5, 1), at(2, 1), [])).verdict).toBe("applied");
  });

  test("that a delta has overtaken leaves what is newer", () => {
    const { held } = takeSnapshot(start, snapshot(at(5, 2), at(2, 4), [card("old")]));
    expect(ids(held)).toEqual(["a OFFERED"]);
    expect(held.presenceRevision).toEqual(at(2, 4));
  });

  test("may say that there is no workload any more", () => {
    const { held } = takeSnapshot(start, snapshot({}, at(2, 1), []));
    expect(held.cards).toEqual([]);
    expect(held.epochs.workload).toBe(5);
  });

  test("that is not verified leaves what is shown", () => {
    const { held } = takeSnapshot(start, snapshot({}, {}, [], false));
    expect(ids(held)).toEqual(["a OFFERED"]);
    expect(held.verified).toBe(false);
  });
});

describe("a heartbeat", () => {
  const beat = (workload: object, presence: object, verified = true) =>
    wire.ServerHeartbeat.read({ workloadRevision: workload, presenceRevision: presence, verified }, "beat");

  test("that names what is held is quiet", () => {
    expect(takeHeartbeat(start, beat(at(5, 3), at(2, 1))).verdict).toBe("applied");
  });

  test("that names another revision shows a gap", () => {
    expect(takeHeartbeat(start, beat(at(5, 4), at(2, 1))).verdict).toBe("gap");
    expect(takeHeartbeat(start, beat(at(5, 3), at(2, 2))).verdict).toBe("gap");
    expect(takeHeartbeat(start, beat(at(6, 1), at(2, 1))).verdict).toBe("gap");
  });

  test("of a lower epoch shows a server that is behind", () => {
    expect(takeHeartbeat(start, beat(at(4, 9), at(2, 1))).verdict).toBe("behind");
  });

  test("that is not verified names nothing", () => {
    const { held, verdict } = takeHeartbeat(start, beat({}, {}, false));
    expect([verdict, held.verified]).toEqual(["applied", false]);
  });
});
