// The small pure parts: words, pace, CSV, base64, addresses, who is there.

import { expect, test } from "vitest";
import { Job, Outcome } from "../wire/wire";
import { AdminSession } from "./admin";
import { base64 } from "./base64";
import { harmless, heading, row } from "./csv";
import { Pace } from "./pace";
import { jobLink, routeOf } from "./route";
import { entityOf, finished, hex, kindWord, news, progressWords, size, stateOf } from "./words";

const at = "2026-11-26T12:00:00Z";
const job = (fields: object) => Job.read({ id: "j-1", total: 100, acceptedAt: at, ...fields }, "job");

test("the state of a job follows from its counts and times", () => {
  const states = [
    { pending: 100, acceptedAt: undefined },
    { pending: 60 },
    { pending: 60, unsettled: true },
    { pending: 60, pausedAt: at },
    { pending: 3, cancelled: 60, cancelledAt: at },
    { cancelled: 60, cancelledAt: at, unsettled: true },
    { cancelled: 60, failed: 1, cancelledAt: at, pausedAt: at },
    { applied: 100 },
    { applied: 99, failed: 1 },
  ].map((fields) => stateOf(job(fields)));
  expect(states).toEqual(["taking-in", "running", "running", "paused", "cancelling", "cancelling", "cancelled", "done", "failures"]);
  expect([job({ pending: 1 }), job({ unsettled: true }), job({})].map(finished)).toEqual([false, false, true]);
});

test("a change is read out by state and by quarter, not by item", () => {
  const [a, b, c] = [job({ pending: 80 }), job({ pending: 76 }), job({ pending: 70, failed: 2 })];
  expect([news(undefined, a), news(a, b), news(b, c)]).toEqual(["", "", "30 of 100, 2 failed."]);
  expect(news(c, job({ pending: 70, failed: 2, pausedAt: at }))).toBe("Paused: 30 of 100, 2 failed.");
  expect(progressWords(job({ total: 12_000, cancelled: 9_000 }))).toBe("12,000 of 12,000, 9,000 cancelled");
});

test("the pace is that of the last ten seconds", () => {
  const pace = new Pace();
  expect(pace.at(0, job({ pending: 100 }))).toEqual({ rate: 0, left: 0 });
  expect(pace.at(20, job({ pending: 99 }))).toEqual({ rate: 0, left: 0 });
  expect(pace.at(2_000, job({ pending: 80 }))).toEqual({ rate: 10, left: 8_000 });
  for (let s = 3; s <= 20; s++) pace.at(s * 1000, job({ pending: 80 }));
  expect(pace.at(21_000, job({ pending: 75 }))).toEqual({ rate: 0.5, left: 150_000 });
  pace.restart();
  expect(pace.at(22_000, job({ pending: 74 }))).toEqual({ rate: 0, left: 0 });
});

test("no cell is a formula", () => {
  const formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx"];
  expect(formulas.map(harmless)).toEqual(formulas.map((f) => `'${f}`));
  expect(["", "ann", "a=b", "1", "'=x"].map(harmless)).toEqual(["", "ann", "a=b", "1", "'=x"]);
});

test("a row has the columns of the heading, quoted where needed", () => {
  const failed = { number: 7, agentId: "ann", outcome: "ITEM_OUTCOME_FAILED", attempts: 5, at: "2026-11-26T12:00:00.987Z" };
  const outcome = (fields: object) => row(Outcome.read({ ...failed, ...fields }, "o"));
  expect(heading).toBe("number,agent,outcome,reason,attempts,at,entity,note\n");
  expect(outcome({ reason: "taken" })).toBe("7,ann,failed,taken,5,2026-11-26T12:00:00Z,agent/ann,\n");
  expect(outcome({ reason: '=HYPERLINK("x","y")' })).toBe(`7,ann,failed,"'=HYPERLINK(""x"",""y"")",5,2026-11-26T12:00:00Z,agent/ann,\n`);
  expect(outcome({ reason: "two\nlines", agentId: "", entity: "queue/sales", at: undefined })).toBe('7,,failed,"two\nlines",5,,queue/sales,\n');
  expect(outcome({ agentId: "-x", reason: " led", note: "=1+1" })).toBe(`7,'-x,failed," led",5,2026-11-26T12:00:00Z,agent/-x,'=1+1\n`);
});

test("names for people", () => {
  expect(["KIND_SET_SKILLS", "KIND_UNSPECIFIED", undefined].map((k) => kindWord(k as "KIND_SET_SKILLS"))).toEqual(["set skills", "", ""]);
  const outcomes = [{ agentId: "ann" }, { agentId: "ann", entity: "agent/ann" }, { entity: "queue/x" }, {}];
  expect(outcomes.map((o) => entityOf(Outcome.read(o, "o")))).toEqual(["agent/ann", "agent/ann", "queue/x", ""]);
  expect([812, 1_024, 3 * 1024 * 1024].map(size)).toEqual(["812 bytes", "1.0 KiB", "3.0 MiB"]);
  expect(hex("AAH/gA==")).toBe("0001ff80");
});

test("bytes of any number become base64", () => {
  const bytes = Uint8Array.from({ length: 100_001 }, (_, i) => i % 256);
  expect(base64(bytes)).toBe(Buffer.from(bytes).toString("base64"));
});

test("an address names a page, and nothing unknown breaks it", () => {
  expect(["", "#/", "#/jobs", "#/jobs/", "#/import", "#/else"].map((h) => routeOf(h).at)).toEqual(["desk", "desk", "jobs", "jobs", "import", "desk"]);
  expect(routeOf(jobLink("a/b c"))).toEqual({ at: "job", id: "a/b c" });
  expect(routeOf("#/jobs/%")).toEqual({ at: "job", id: "%" });
});

test("who works with jobs is remembered until they leave", () => {
  const items = new Map<string, string>();
  const store = {
    getItem: (k: string) => items.get(k) ?? null,
    setItem: (k: string, v: string) => void items.set(k, v),
    removeItem: (k: string) => void items.delete(k),
  };
  new AdminSession(store).enter({ tenant: "demo", actor: "ann" });
  const session = new AdminSession(store);
  expect(session.get().admin).toEqual({ tenant: "demo", actor: "ann" });
  session.leave();
  expect(new AdminSession(store).get().admin).toBeUndefined();
  items.set("busyhour.admin", "{");
  expect(new AdminSession(store).get().admin).toBeUndefined();
});
