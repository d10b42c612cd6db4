import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { QueueFigures } from "../wire/wire";
import { FiguresFeed } from "./feed";
import { readyStanding, serviceLevel, serviceStanding, sum, waitStanding, worst } from "./level";
import type { Post } from "./rpc";
import { area, line } from "./spark";

const q = (json: object) => QueueFigures.read(json, "queue");

test("levels follow the thresholds, and say so in words", () => {
  expect(waitStanding(q({ oldestWaitMs: "99000" })).word).toBe("nobody waits");
  expect(waitStanding(q({ waiting: 1, oldestWaitMs: "19999" })).level).toBe("good");
  expect(waitStanding(q({ waiting: 1, oldestWaitMs: "20000" })).level).toBe("watch");
  expect(waitStanding(q({ waiting: 1, oldestWaitMs: "60000" })).level).toBe("late");
  expect(readyStanding(q({ waiting: 1 })).level).toBe("late");
  expect(readyStanding(q({})).level).toBe("watch");
  expect(readyStanding(q({ waiting: 3, inHand: 9 })).word).toBe("all busy");
  expect(serviceLevel(q({}))).toBeUndefined();
  expect(serviceStanding(serviceLevel(q({ answeredTotal: "5", answeredInTargetTotal: "4" }))).level).toBe("good");
  expect(serviceStanding(0.79).level).toBe("watch");
  expect(worst({ level: "watch", word: "" }, { level: "late", word: "" }, { level: "good", word: "" })).toBe("late");
});

test("sums count no agent twice", () => {
  const queues = [q({ waiting: 2, oldestWaitMs: "9000", inHand: 1 }), q({ waiting: 1, oldestWaitMs: "3000", inHand: 4 })];
  expect(sum(queues)).toEqual({ waiting: 3, oldestWaitMs: 9000, inHand: 5 });
});

test("the chart has its newest sample at the right edge", () => {
  const box = { width: 100, height: 20, samples: 11, least: 4 };
  expect(line([], box)).toBe("");
  expect(line([4, 0], box)).toBe("M90.0 0.0L100.0 20.0");
  expect(line([1], box)).toBe("M100.0 15.0");
  expect(area([4, 0], box)).toBe("M90.0 0.0L100.0 20.0L100 20L90.0 20Z");
});

describe("the feed", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const answer = (body: object, status = 200) => new Response(JSON.stringify(body), { status });

  function setUp(answers: (() => Response)[]) {
    const asked: { url: string; body: unknown }[] = [];
    const post: Post = async (url, init) => {
      asked.push({ url, body: JSON.parse(String(init.body)) });
      return (answers.shift() ?? (() => answer({})))();
    };
    return { asked, feed: new FiguresFeed({ post, random: () => 1 }) };
  }

  test("asks every second and keeps what waited", async () => {
    const one = (waiting: number) => () => answer({ queues: [{ queueId: "sales", waiting }], verified: true });
    const { asked, feed } = setUp([one(1), one(3)]);
    feed.follow("demo");
    await vi.advanceTimersByTimeAsync(1_500);
    expect(asked).toHaveLength(2);
    expect(asked[0]).toEqual({
      url: "/busyhour.routing.v1.RoutingService/GetQueueFigures",
      body: { tenant: "demo" },
    });
    expect(feed.get().history.get("sales")).toEqual([1, 3]);
  });

  test("says what is wrong, keeps the figures and asks less often", async () => {
    const { asked, feed } = setUp([
      () => answer({ queues: [{ queueId: "sales", waiting: 2 }], verified: true }),
      () => answer({ code: "unavailable", message: "redis is away" }, 503),
    ]);
    feed.follow("demo");
    await vi.advanceTimersByTimeAsync(1_100);
    expect(feed.get().trouble).toBe("redis is away");
    expect(feed.get().figures?.queues[0]?.waiting).toBe(2);
    await vi.advanceTimersByTimeAsync(1_600 + 800);
    expect(asked).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(300);
    expect(asked).toHaveLength(3);
    expect(feed.get().trouble).toBe("");
  });

  test("asks for nothing while nobody looks, or nobody is logged in", async () => {
    const { asked, feed } = setUp([]);
    feed.looked(false);
    feed.follow("demo");
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked).toHaveLength(0);
    feed.looked(true);
    await vi.advanceTimersByTimeAsync(500);
    expect(asked).toHaveLength(1);
    feed.follow("");
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked).toHaveLength(1);
  });
});
