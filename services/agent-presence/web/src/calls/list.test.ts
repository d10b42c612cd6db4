import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Post } from "../figures/rpc";
import { CallsList } from "./list";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const answer = (body: object, status = 200) => new Response(JSON.stringify(body), { status });

function setUp(answers: Record<string, () => Response>) {
  const asked: { method: string; body: unknown }[] = [];
  const post: Post = async (url, init) => {
    const method = url.split("/").at(-1) ?? "";
    asked.push({ method, body: JSON.parse(String(init.body)) });
    return answers[method]?.() ?? answer({});
  };
  const list = new CallsList({ post, random: () => 1 });
  list.follow("demo");
  return { asked, list };
}

const one = { contacts: [{ id: "c-1", state: "CONTACT_STATE_CONNECTED", reservation: { agentId: "ann" } }], nextPageToken: "t" };

test("asks only while it is open and looked at", async () => {
  const { asked, list } = setUp({ ListContacts: () => answer(one) });
  await vi.advanceTimersByTimeAsync(5_000);
  expect(asked).toHaveLength(0);
  list.open(true);
  await vi.advanceTimersByTimeAsync(2_500);
  expect(asked).toHaveLength(2);
  expect(asked[0]).toEqual({ method: "ListContacts", body: { tenant: "demo", pageSize: 10 } });
  expect(list.get().contacts?.[0]).toMatchObject({ id: "c-1", reservation: { agentId: "ann" } });
  expect(list.get().more).toBe(true);
  list.looked(false);
  await vi.advanceTimersByTimeAsync(5_000);
  list.looked(true);
  list.open(false);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(asked).toHaveLength(2);
});

test("closes a call with a reason, says what became of it, and looks again at once", async () => {
  const { asked, list } = setUp({ ListContacts: () => answer(one), CloseContact: () => answer({ outcome: "OUTCOME_ENDED_BEFORE" }) });
  list.open(true);
  await vi.advanceTimersByTimeAsync(1);
  const closing = list.close("c-1", "ann", "it hangs");
  expect(list.get().closing.has("c-1")).toBe(true);
  void list.close("c-1", "ann", "a second click");
  await closing;
  await vi.advanceTimersByTimeAsync(1);
  expect(asked.map((a) => a.method)).toEqual(["ListContacts", "CloseContact", "ListContacts"]);
  expect(asked[1]?.body).toEqual({ tenant: "demo", contactId: "c-1", agentId: "ann", reason: "it hangs" });
  expect(list.get()).toMatchObject({ said: "It had ended before.", failed: false });
  expect(list.get().closing.size).toBe(0);
});

test("says why it was not closed", async () => {
  const { list } = setUp({ CloseContact: () => answer({ code: "unavailable", message: "the state is not verified: try again in 1s" }, 503) });
  list.open(true);
  await list.close("c-1", "", "it hangs");
  expect(list.get()).toMatchObject({ said: "Not closed: the state is not verified: try again in 1s", failed: true });
});
