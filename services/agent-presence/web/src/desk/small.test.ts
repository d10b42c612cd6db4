// The small pure parts: clock, back-off, close codes, session, activity.

import { describe, expect, test } from "vitest";
import { Card, Presence } from "../wire/wire";
import { activity } from "./activity";
import { backoff } from "./backoff";
import { ServerClock } from "./clock";
import { comesBack, inWords } from "./closing";
import { forget, recall, remember } from "./session";
import { sentence, standing } from "./words";

describe("the server's clock", () => {
  test("follows the frame that travelled least", () => {
    let local = 1_000;
    const clock = new ServerClock(() => local);
    clock.heard(50_000 - 300); // sent at 50,000 by a server whose frame took 300 ms
    expect(clock.now()).toBe(49_700);
    local += 5_000;
    clock.heard(55_000 - 20);
    expect(clock.now()).toBe(54_980);
    local += 5_000;
    clock.heard(60_000 - 900); // a slow frame moves nothing back
    expect(clock.now()).toBe(59_980);
  });

  test("jumps when the own clock stood still in sleep", () => {
    const clock = new ServerClock(() => 0);
    clock.heard(1_000);
    clock.heard(3_600_000);
    expect(clock.now()).toBe(3_600_000);
  });
});

test("back-off is anywhere below a bound that doubles up to 30 s", () => {
  expect([0, 1, 2, 5, 6, 99].map((n) => backoff(n, () => 1))).toEqual([800, 1600, 3200, 25600, 30000, 30000]);
  expect(backoff(3, () => 0)).toBe(0);
});

test("the close code alone tells whether to come back", () => {
  expect([1001, 1006, 1011, 1012, 1013, 4000, 4499].filter((c) => !comesBack(c))).toEqual([]);
  expect([1000, 1008, 4500, 4999].filter((c) => comesBack(c))).toEqual([]);
});

test("a known close code is told in words, another by its reason", () => {
  expect(inWords(4001, "UNVERIFIED")).toBe("The state is being verified");
  expect(inWords(4700, "Ended by a supervisor")).toBe("Ended by a supervisor");
  expect(inWords(4700, "")).toBe("The connection ended with code 4700");
});

test("how an agent stands is said in words", () => {
  const said = (status: string, reason = "") => standing(Presence.read({ status, reason }, "presence"));
  expect(said("STATUS_AVAILABLE")).toBe("available");
  expect(said("STATUS_BREAK", "lunch")).toBe("on a break (lunch)");
  expect(said("STATUS_OFFLINE", "lost")).toBe("offline");
  expect(said("STATUS_OFFLINE", "deactivated")).toBe("deactivated");
  expect(said("STATUS_BREAK", "deactivated")).toBe("on a break (deactivated)"); // their own words
});

test("a session outlives a reload; what is not one is no session", () => {
  const items = new Map<string, string>();
  const store = {
    getItem: (k: string) => items.get(k) ?? null,
    setItem: (k: string, v: string) => void items.set(k, v),
    removeItem: (k: string) => void items.delete(k),
  };
  expect(recall(store)).toBeUndefined();
  const session = { tenant: "demo", agentId: "ann", screenId: "s-1", epochs: { presence: 2, workload: 5 } };
  remember(store, session);
  expect(recall(store)).toEqual(session);
  forget(store);
  expect(recall(store)).toBeUndefined();
  for (const junk of ["", "{", "[]", '{"tenant":"demo"}']) {
    items.set("busyhour.session", junk);
    expect(recall(store)).toBeUndefined();
  }
});

test("activity is the most binding of several cards", () => {
  const cards = (...states: string[]) => states.map((s) => Card.read({ state: `CONTACT_STATE_${s}` }, "card"));
  expect(activity([])).toBe("");
  expect(activity(cards("OFFERED"))).toBe("offered a contact");
  expect(activity(cards("OFFERED", "WRAP_UP"))).toBe("wrapping up");
  expect(activity(cards("WRAP_UP", "HELD", "CONNECTED"))).toBe("on a call");
});

test("fragments become sentences", () => {
  expect(["", "try again", "ändern", "Really?", "Done."].map(sentence)).toEqual(["", "Try again.", "Ändern.", "Really?", "Done."]);
});
