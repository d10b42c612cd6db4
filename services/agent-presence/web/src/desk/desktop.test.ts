// The client against a socket played by hand, in virtual time.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ServerClock } from "./clock";
import { Desktop } from "./desktop";
import type { Socket } from "./link";
import type { News } from "./news";

class FakeSocket {
  onopen: (() => void) | null = null;
  onmessage: ((e: { data: string }) => void) | null = null;
  onclose: ((e: { code: number; reason: string }) => void) | null = null;
  sent: Record<string, any>[] = [];
  closedWith: number | undefined;

  send(data: string): void {
    this.sent.push(JSON.parse(data));
  }

  close(code?: number): void {
    this.closedWith = code;
  }

  // The server's side.
  tell(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  end(code: number, reason = ""): void {
    this.onclose?.({ code, reason });
  }

  last(kind: string): Record<string, any> | undefined {
    return this.sent.findLast((f) => kind in f);
  }
}

const now = Date.UTC(2026, 10, 23, 10);
const iso = (ms: number) => new Date(ms).toISOString();
const at = (epoch: number, n: number) => ({ epoch, n });

function snapshot(n = 1, cards: object[] = [], more: object = {}) {
  return {
    snapshot: {
      screenId: "s-1",
      presence: { agentId: "ann", status: "STATUS_AVAILABLE" },
      presenceRevision: at(2, 1),
      workload: { cards },
      workloadRevision: at(5, n),
      now: iso(now),
      verified: true,
      ...more,
    },
  };
}

function offer(revision = 1) {
  return { contactId: "c-1", state: "CONTACT_STATE_OFFERED", deadline: iso(now + 15_000), revision: at(5, revision) };
}

function setUp() {
  const sockets: FakeSocket[] = [];
  const items = new Map<string, string>();
  const desk = new Desktop({
    connect: () => {
      const s = new FakeSocket();
      sockets.push(s);
      return s as unknown as Socket;
    },
    random: () => 1,
    clock: new ServerClock(),
    store: {
      getItem: (k) => items.get(k) ?? null,
      setItem: (k, v) => void items.set(k, v),
      removeItem: (k) => void items.delete(k),
    },
  });
  const told: News[] = [];
  desk.onNews((n) => told.push(n));
  const socket = () => sockets.at(-1)!;
  const enter = (...cards: object[]) => {
    desk.logIn("demo", "ann");
    socket().onopen?.();
    socket().tell(snapshot(1, cards));
  };
  return { desk, sockets, socket, items, told, enter };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("navigator", {});
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the log-in", () => {
  test("is the first frame, and the screen keeps its id over reconnects", () => {
    const { desk, socket, enter } = setUp();
    enter();
    expect(socket().sent[0]).toMatchObject({ logIn: { tenant: "demo", agentId: "ann", screenId: "" } });
    expect(desk.get().live).toBe(true);
    socket().end(1006);
    expect(desk.get().link).toMatchObject({ is: "waiting", attempt: 1 });
    vi.advanceTimersByTime(800);
    socket().onopen?.();
    expect(socket().sent[0]).toMatchObject({ logIn: { screenId: "s-1" } });
  });

  test("is taken up after a reload, with the epochs seen", async () => {
    const first = setUp();
    first.enter();
    const second = setUp();
    for (const [k, v] of first.items) second.items.set(k, v);
    await second.desk.resume();
    second.socket().onopen?.();
    expect(second.socket().sent[0]).toMatchObject({ logIn: { tenant: "demo", agentId: "ann", screenId: "s-1" } });
    second.socket().tell(snapshot(1, [], { workloadRevision: at(4, 99) }));
    expect(second.desk.get()).toMatchObject({ live: false, link: { is: "waiting" } });
  });

  test("that is refused goes back to the form, with the reason", () => {
    const { desk, socket, items } = setUp();
    desk.logIn("demo", "nobody");
    socket().onopen?.();
    const requestId = socket().sent[0]!["requestId"];
    socket().tell({ refused: { requestId, message: "no agent nobody", refusal: { reason: "AGENT_UNKNOWN", help: "Ask." } } });
    socket().end(4501);
    expect(desk.get()).toMatchObject({ session: undefined, logInRefused: { reason: "AGENT_UNKNOWN", help: "Ask.", agentId: "nobody" } });
    expect(items.size).toBe(0);
  });

  test("that is refused for now is tried again", () => {
    const { desk, socket, sockets } = setUp();
    desk.logIn("demo", "ann");
    socket().onopen?.();
    const requestId = socket().sent[0]!["requestId"];
    socket().tell({ refused: { requestId, message: "being rebuilt", refusal: { reason: "UNVERIFIED" } } });
    socket().end(1013);
    expect(desk.get()).toMatchObject({ session: { agentId: "ann" }, logInRefused: { message: "being rebuilt" } });
    vi.advanceTimersByTime(800);
    expect(sockets).toHaveLength(2);
    socket().onopen?.();
    socket().tell(snapshot());
    expect(desk.get()).toMatchObject({ live: true, logInRefused: undefined });
  });
});

describe("the link", () => {
  test("answers heartbeats, and notices silence", () => {
    const { desk, socket, enter } = setUp();
    enter();
    vi.advanceTimersByTime(11_000);
    socket().tell({ heartbeat: { now: iso(now), workloadRevision: at(5, 1), presenceRevision: at(2, 1), verified: true } });
    expect(socket().last("pong")).toBeDefined();
    vi.advanceTimersByTime(11_000);
    expect(desk.get().link.is).toBe("open");
    const dead = socket();
    vi.advanceTimersByTime(1_000);
    expect(desk.get().link.is).toBe("waiting");
    expect(dead.closedWith).toBe(4100);
  });

  test("moves when told to, after the time given, whenever the server closes", () => {
    const { desk, socket, sockets, enter } = setUp();
    enter(offer());
    socket().tell({ going: { reconnectAfterMs: 4_000 } });
    expect(desk.get()).toMatchObject({ link: { is: "going" }, live: true });
    socket().end(1012);
    expect(desk.get()).toMatchObject({ link: { is: "going" }, live: false });
    expect(desk.get().held.cards).toHaveLength(1);
    vi.advanceTimersByTime(3_999);
    expect(sockets).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(sockets).toHaveLength(2);
  });

  test("moves also when the server forgets to close", () => {
    const { socket, sockets, enter } = setUp();
    enter();
    const first = socket();
    first.tell({ going: { reconnectAfterMs: 4_000 } });
    vi.advanceTimersByTime(4_000);
    expect(first.closedWith).toBe(1000);
    expect(sockets).toHaveLength(2);
  });

  test("stays away when the code says so, until the agent asks", () => {
    const { desk, socket, sockets, enter } = setUp();
    enter(offer());
    socket().end(4500, "this screen continues in another tab");
    vi.advanceTimersByTime(60_000);
    expect(sockets).toHaveLength(1);
    expect(desk.get()).toMatchObject({ link: { is: "ended", code: 4500 }, live: false });
    expect(desk.get().held.cards).toHaveLength(1);
    desk.again();
    socket().onopen?.();
    socket().tell(snapshot(1, [offer()]));
    expect(desk.get().live).toBe(true);
  });

  test("takes a farewell that it did not ask for as an end", () => {
    const { desk, socket, enter } = setUp();
    enter();
    socket().end(1000);
    expect(desk.get().link).toMatchObject({ is: "ended", why: "The session has ended" });
  });

  test("backs off further with each failure, and starts anew after a good time", () => {
    const { desk, socket, enter } = setUp();
    enter();
    const delays: number[] = [];
    for (let i = 0; i < 3; i++) {
      socket().end(1006);
      const link = desk.get().link;
      delays.push(link.is === "waiting" ? Math.round(link.until - performance.now()) : -1);
      vi.advanceTimersByTime(delays.at(-1)!);
    }
    expect(delays).toEqual([800, 1600, 3200]);
    socket().onopen?.();
    socket().tell(snapshot());
    vi.advanceTimersByTime(10_000);
    socket().end(1006);
    expect(desk.get().link).toMatchObject({ is: "waiting", attempt: 1 });
  });

  test("leaves a server that sends what can't be read", () => {
    const error = vi.spyOn(console, "error").mockImplementation(() => {});
    const { desk, socket, enter } = setUp();
    enter();
    const bad = socket();
    bad.onmessage?.({ data: "{" });
    expect(bad.closedWith).toBe(4101);
    expect(desk.get().link.is).toBe("waiting");
    error.mockRestore();
  });
});

describe("a gap", () => {
  test("asks for one snapshot, however many deltas show it", () => {
    const { desk, socket, enter } = setUp();
    enter();
    const resyncs = () => socket().sent.filter((f) => "resync" in f).length;
    socket().tell({ workloadChanged: { previous: at(5, 3), revision: at(5, 4), changed: [offer()] } });
    socket().tell({ workloadChanged: { previous: at(5, 4), revision: at(5, 5), changed: [offer()] } });
    socket().tell({ heartbeat: { workloadRevision: at(5, 5), presenceRevision: at(2, 1), verified: true } });
    expect(resyncs()).toBe(1);
    expect(desk.get().held.cards).toEqual([]);
    socket().tell(snapshot(5, [offer(5)]));
    expect(desk.get().held.cards).toHaveLength(1);
    socket().tell({ heartbeat: { workloadRevision: at(5, 6), presenceRevision: at(2, 1), verified: true } });
    expect(resyncs()).toBe(2);
  });
});

describe("a command", () => {
  test("waits for its answer", () => {
    const { desk, socket, enter } = setUp();
    enter(offer());
    desk.act("c-1", "ACTION_ACCEPT");
    desk.act("c-1", "ACTION_ACCEPT"); // a second press sends nothing
    expect(socket().sent.filter((f) => "act" in f)).toHaveLength(1);
    expect(desk.get().pending.get("card:c-1")).toBe("ACTION_ACCEPT");
    socket().tell({ done: { requestId: socket().last("act")!["requestId"] } });
    expect(desk.get().pending.size).toBe(1); // the push is just behind
    socket().tell({ workloadChanged: { previous: at(5, 1), revision: at(5, 2), changed: [offer(2)] } });
    expect(desk.get().pending.size).toBe(0);
  });

  test("that changes nothing is over soon after its answer", () => {
    const { desk, socket, enter } = setUp();
    enter();
    desk.setStatus("STATUS_AVAILABLE", "");
    socket().tell({ done: { requestId: socket().last("setStatus")!["requestId"] } });
    vi.advanceTimersByTime(400);
    expect(desk.get().pending.size).toBe(0);
    expect(desk.get().refusals.size).toBe(0);
  });

  test("does not hold up the next when a push overtakes its answer", () => {
    const { desk, socket, enter } = setUp();
    enter(offer());
    desk.act("c-1", "ACTION_ACCEPT");
    const first = socket().last("act")!["requestId"];
    const connected = { ...offer(2), state: "CONTACT_STATE_CONNECTED" };
    socket().tell({ workloadChanged: { previous: at(5, 1), revision: at(5, 2), changed: [connected] } });
    expect(desk.get().pending.size).toBe(0);
    desk.act("c-1", "ACTION_HOLD");
    socket().tell({ done: { requestId: first } });
    expect(desk.get().pending.get("card:c-1")).toBe("ACTION_HOLD");
  });

  test("that is refused says so where it was given, until the card changes", () => {
    const { desk, socket, enter } = setUp();
    enter(offer());
    desk.act("c-1", "ACTION_ACCEPT");
    const requestId = socket().last("act")!["requestId"];
    socket().tell({ refused: { requestId, message: "not now", refusal: { reason: "UNVERIFIED", help: "Wait." } } });
    expect(desk.get().refusals.get("card:c-1")).toEqual({ message: "not now", reason: "UNVERIFIED", help: "Wait." });
    socket().tell({ workloadChanged: { previous: at(5, 1), revision: at(5, 2), changed: [offer(2)] } });
    expect(desk.get().refusals.size).toBe(0);
  });

  test("that is refused after its card went is told as a note", () => {
    const { desk, socket, told, enter } = setUp();
    enter(offer());
    desk.act("c-1", "ACTION_ACCEPT");
    const requestId = socket().last("act")!["requestId"];
    socket().tell({ workloadChanged: { previous: at(5, 1), revision: at(5, 2), removed: ["c-1"] } });
    socket().tell({ refused: { requestId, message: "The offer is over", refusal: { help: "Wait for the next" } } });
    expect(told.map((n) => n.text)).toContain("The offer is over. Wait for the next.");
  });

  test("that is not answered is not left hanging", () => {
    const { desk, socket, enter } = setUp();
    enter(offer());
    desk.act("c-1", "ACTION_ACCEPT");
    socket().tell({ heartbeat: { workloadRevision: at(5, 1), presenceRevision: at(2, 1), verified: true } });
    vi.advanceTimersByTime(10_000);
    expect(desk.get().refusals.get("card:c-1")?.message).toMatch(/No answer/);
    desk.setStatus("STATUS_BUSY", "");
    socket().end(1006);
    expect(desk.get().refusals.get("status")?.message).toMatch(/connection was lost/);
    expect(desk.get().pending.size).toBe(0);
  });

  test("is not sent while the state is being verified", () => {
    const { desk, socket, enter } = setUp();
    enter(offer());
    socket().tell({ verification: {} });
    desk.act("c-1", "ACTION_ACCEPT");
    expect(socket().last("act")).toBeUndefined();
    expect(desk.get()).toMatchObject({ live: false, held: { verified: false } });
    socket().tell({ verification: { phase: "reading", read: "30", total: "120" } });
    expect(desk.get().held.recovery).toEqual({ phase: "reading", read: 30, total: 120 });
    socket().tell({ verification: { verified: true } });
    expect(desk.get()).toMatchObject({ live: true, held: { recovery: { phase: "" } } });
  });
});

describe("the log-out", () => {
  test("is told to the server, and forgotten here when it closes", () => {
    const { desk, socket, items, enter } = setUp();
    enter();
    desk.logOut();
    expect(socket().last("logOut")).toBeDefined();
    expect(desk.get().session).toBeDefined();
    socket().end(1000);
    expect(desk.get()).toMatchObject({ session: undefined, link: { is: "off" } });
    expect(items.size).toBe(0);
  });

  test("does not wait for a server that is silent, or away", () => {
    const { desk, socket, sockets, enter } = setUp();
    enter();
    desk.logOut();
    vi.advanceTimersByTime(2_000);
    expect(desk.get().session).toBeUndefined();
    enter();
    socket().end(1006);
    desk.logOut();
    vi.advanceTimersByTime(60_000);
    expect(desk.get().session).toBeUndefined();
    expect(sockets).toHaveLength(2);
  });
});
