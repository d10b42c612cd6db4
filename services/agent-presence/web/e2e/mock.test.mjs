// The built page against the mock, in a real browser. SHOTS=DIR keeps a picture of each step.

import assert from "node:assert/strict";
import { after, before, beforeEach, afterEach, describe, test } from "node:test";
import { start } from "../mock/server.mjs";
import { camera, launch, open } from "./browser.mjs";
import { Desk } from "./desk.mjs";

// Calls come when the test says so.
const pace = { offer: 15_000, connect: 300, wrapUp: 30_000, heartbeat: 500 };

let browser;
let mock;
let page;
let desk;
let errors;
const shoot = camera(process.env.SHOTS);

before(async () => {
  browser = await launch();
});
after(() => browser.close());

beforeEach(async () => {
  mock = await start({ pace });
  ({ page, errors } = await open(browser));
  desk = new Desk(page);
});
afterEach(async () => {
  await page.context().close();
  await mock.close();
  assert.deepEqual(errors, [], "the page reported errors");
});

async function connected() {
  await desk.logIn(mock.url, "demo", "ann");
  await desk.goAvailable();
  mock.offer();
  await desk.card("offered");
  await desk.press("Accept");
  return desk.card("connected");
}

test("a call from log-in to wrap-up done", async () => {
  await page.goto(mock.url);
  await shoot(page, "log-in");
  await desk.logIn(mock.url, "demo", "ann");
  await shoot(page, "offline");
  await desk.goAvailable();
  await shoot(page, "available");
  mock.offer();
  const contact = await desk.card("offered");
  assert.match(await page.title(), /^☎/);
  assert.match(await page.locator("[role=alert]").first().textContent(), /New offer/);
  await shoot(page, "offered");
  await desk.press("Accept");
  await desk.card("connecting");
  await shoot(page, "connecting");
  await desk.card("connected");
  await shoot(page, "connected");
  await desk.press("Hold");
  await desk.card("held");
  await shoot(page, "held");
  await desk.press("Resume");
  await desk.card("connected");
  await desk.press("End");
  await desk.card("wrap_up");
  await shoot(page, "wrap-up");
  await desk.press("Done");
  await desk.gone(contact);
  await page.locator(".note", { hasText: "Done with" }).waitFor();
  await shoot(page, "done");
});

test("A accepts and D declines, and neither does while one types", async () => {
  await desk.logIn(mock.url, "demo", "ann");
  await desk.goAvailable();
  mock.offer();
  const declined = await desk.card("offered");
  await page.keyboard.press("d");
  await desk.gone(declined);
  await page.locator(".note", { hasText: "You declined" }).waitFor();
  await page.getByRole("button", { name: "Break" }).click();
  mock.offer();
  await desk.card("offered");
  await page.getByLabel("Another reason").pressSequentially("dada");
  assert.equal(await desk.cards("offered").count(), 1);
  await page.keyboard.press("Escape");
  await page.keyboard.press("a");
  await desk.card("connected");
});

test("the focus stays with the work", async () => {
  await connected();
  const inCard = () => page.evaluate(() => document.activeElement?.closest(".card")?.dataset.state);
  assert.equal(await inCard(), "connected");
  await page.locator(".card").getByRole("button", { name: "End" }).focus();
  await page.keyboard.press("Enter");
  await desk.card("wrap_up");
  assert.equal(await inCard(), "wrap_up");
  await desk.press("Done");
  await desk.cards().waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement.id), "cards-title");
});

test("a reload keeps the card, the log-in and the screen", async () => {
  const contact = await connected();
  await page.reload();
  assert.equal(await desk.card("connected"), contact);
  const logIns = mock.world.received.filter((f) => f.logIn).map((f) => f.logIn.screenId);
  assert.equal(logIns.length, 2);
  assert.equal(logIns[0], "");
  assert.match(logIns[1], /^s-/);
});

test("a duplicated tab is a screen of its own", async () => {
  await desk.logIn(mock.url, "demo", "ann");
  const [copy] = await Promise.all([page.context().waitForEvent("page"), page.evaluate(() => void window.open("/"))]);
  await copy.locator(".status").waitFor();
  const ids = mock.world.received.filter((f) => f.logIn).map((f) => f.logIn.screenId);
  assert.deepEqual(ids, ["", ""], "the copy of the session came with the screen's id, which must not be used twice");
});

test("a lost socket comes back, and the card stays in between", async () => {
  const contact = await connected();
  await mock.close();
  await desk.banner("Your cards are kept").waitFor();
  await shoot(page, "lost");
  assert.equal(await desk.cards("connected").count(), 1);
  assert.equal(await page.getByRole("button", { name: "Hold" }).getAttribute("aria-disabled"), "true");
  const { port } = new URL(mock.url);
  const { world } = mock;
  mock = await start({ port: Number(port), pace });
  for (const [key, agent] of world.agents) {
    agent.screens.clear();
    mock.world.agents.set(key, agent);
  }
  await page.getByRole("button", { name: "Try now" }).click({ timeout: 2_000 }).catch(() => {}); // it may be back by itself
  await desk.noBanner();
  assert.equal(await desk.card("connected"), contact);
  await desk.press("End");
  await desk.card("wrap_up");
});

test("a gap asks for a snapshot: shown by the next push, or by the heartbeat", async () => {
  await desk.logIn(mock.url, "demo", "ann");
  await desk.goAvailable();
  const resyncs = () => mock.world.received.filter((f) => f.resync).length;
  mock.gap();
  await desk.cards().nth(1).waitFor();
  assert.equal(resyncs(), 1);
  await shoot(page, "two-cards");
  mock.silentGap();
  await desk.cards().nth(2).waitFor();
  assert.equal(resyncs(), 2);
});

test("a rebuild keeps what is shown, and commands wait", async () => {
  await connected();
  mock.unverify();
  await desk.banner("Being verified").waitFor();
  await page.locator(".figures-head", { hasText: "being rebuilt" }).waitFor();
  await shoot(page, "being-verified");
  assert.equal(await page.getByRole("button", { name: "End" }).getAttribute("aria-disabled"), "true");
  mock.newEpoch();
  mock.verify();
  await desk.noBanner();
  await desk.press("End");
  await desk.card("wrap_up");
});

test("a server that goes is left for another", async () => {
  await connected();
  mock.going(1_500);
  await desk.banner("Moving to another server").waitFor();
  await shoot(page, "moving");
  await desk.noBanner();
  assert.equal(await desk.cards("connected").count(), 1);
});

test("a screen that was replaced stays away until asked", async () => {
  await desk.logIn(mock.url, "demo", "ann");
  mock.replace();
  await desk.banner("opened somewhere else").waitFor();
  await shoot(page, "replaced");
  await page.getByRole("button", { name: "Log in here again" }).click();
  await desk.noBanner();
});

describe("a refusal", () => {
  test("stands where the button was", async () => {
    await desk.logIn(mock.url, "demo", "ann");
    await desk.goAvailable();
    mock.offer();
    await desk.card("offered");
    mock.refuse();
    await desk.press("Accept");
    await page.locator(".card .refusal", { hasText: "The offer went to somebody else" }).waitFor();
    await shoot(page, "refused");
  });

  test("of a log-in stands on the form", async () => {
    await page.goto(`${mock.url}/?tenant=demo&agent=nobody`);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.locator(".gate .refusal", { hasText: "no agent nobody" }).waitFor();
    await shoot(page, "log-in-refused");
    assert.equal(await page.getByLabel("Agent id").inputValue(), "nobody");
  });
});

test("a break has a reason", async () => {
  await desk.logIn(mock.url, "demo", "ann");
  await page.getByRole("button", { name: "Break" }).click();
  await shoot(page, "break");
  await page.getByRole("button", { name: "lunch" }).click();
  await desk.status("lunch");
  assert.deepEqual(mock.world.received.at(-1).setStatus ?? mock.world.received.findLast((f) => f.setStatus).setStatus, {
    status: "STATUS_BREAK",
    reason: "lunch",
  });
});

test("queue figures are live", async () => {
  await desk.logIn(mock.url, "demo", "ann");
  const figures = await desk.figures();
  assert.equal(figures.length, 4);
  for (const q of figures) assert.match(q.waiting, /^\d+$/);
});

test("a supervisor closes a call that is stuck with somebody else", async () => {
  await desk.logIn(mock.url, "demo", "ann");
  await desk.oldestCalls();
  await desk.call("c-stuck").waitFor();
  assert.match(await desk.call("c-stuck").textContent(), /Connected.*Support · with cleo · 26:\d\d:/);
  const close = desk.call("c-stuck").getByRole("button", { name: "Close the call of" });
  await close.click();
  await page.getByRole("button", { name: "Close this call" }).click({ force: true }); // not without a reason
  await shoot(page, "close-call");
  await page.keyboard.press("Escape");
  await page.getByRole("textbox", { name: "Reason" }).waitFor({ state: "detached" });
  assert.ok(await close.evaluate((b) => b === document.activeElement), "the focus is where it was");
  assert.equal(mock.world.closed.length, 0);
  await desk.closeCall("c-stuck", "a day is too long");
  await page.locator(".calls-said", { hasText: "Closed." }).waitFor();
  await desk.call("c-stuck").waitFor({ state: "detached" });
  assert.deepEqual(mock.world.closed, [{ tenant: "demo", contactId: "c-stuck", agentId: "cleo", reason: "ann: a day is too long" }]);
});

test("a card that no contact stands behind is closed from its own screen, when the state is verified again", async () => {
  const contact = await connected();
  mock.haunt();
  await desk.oldestCalls();
  await desk.call(contact).getByText("only on your screen").waitFor();
  mock.unverify();
  await desk.closeCall(contact, "nobody there");
  await page.locator(".calls-said", { hasText: "not verified: try again in 1 s" }).waitFor();
  await shoot(page, "ghost");
  mock.verify();
  await desk.closeCall(contact, "nobody there");
  await desk.gone(contact);
  await page.locator(".calls-said", { hasText: "taken from the screen" }).waitFor();
  await shoot(page, "ghost-gone");
});

test("a log-out with work in hand is asked about, and forgets the log-in", async () => {
  await connected();
  await page.getByRole("button", { name: "Log out" }).first().click();
  await page.getByRole("dialog").waitFor();
  await shoot(page, "log-out");
  await page.getByRole("button", { name: "Log out all the same" }).click();
  await page.getByLabel("Agent id").waitFor();
  await page.reload();
  await page.getByLabel("Agent id").waitFor();
});
