import { expect, test } from "vitest";
import { count, duration, left, percent } from "./format";

test("times", () => {
  expect([-5, 0, 7_900, 754_000, 3_723_000].map(duration)).toEqual(["0:00", "0:00", "0:07", "12:34", "1:02:03"]);
  expect([-5, 1, 1_000, 14_001].map(left)).toEqual(["0:00", "0:01", "0:01", "0:15"]);
});

test("numbers", () => {
  expect([percent(0.799), percent(0.29), count(12345)]).toEqual(["79 %", "29 %", "12,345"]);
});
