import { render } from "preact";
import { CallsList } from "./calls/list";
import { ServerClock } from "./desk/clock";
import { Desktop } from "./desk/desktop";
import { FiguresFeed } from "./figures/feed";
import { AdminSession } from "./jobs/admin";
import { App } from "./view/app";
import { PartsContext } from "./view/hooks";
import { Preferences } from "./view/preferences";
import { Ringer } from "./view/ringer";
import "./styles.css";

const desk = new Desktop({
  connect: () => new WebSocket(new URL("/ws/desktop", location.href.replace(/^http/, "ws"))),
  store: sessionStorage,
  clock: new ServerClock(),
});
const feed = new FiguresFeed();
const calls = new CallsList();
const admin = new AdminSession(sessionStorage);
const preferences = new Preferences(localStorage);
const ringer = new Ringer();

desk.subscribe(() => {
  const { session, held } = desk.get();
  const tenant = session && held.known ? session.tenant : "";
  feed.follow(tenant);
  calls.follow(tenant);
});
const look = () => {
  const looked = document.visibilityState === "visible";
  feed.looked(looked);
  calls.looked(looked);
  if (looked) desk.hurry();
};
document.addEventListener("visibilitychange", look);
look();
addEventListener("online", () => desk.hurry());
// Browsers let a page sound only after a click or a key.
const unlock = () => preferences.get().sound && ringer.unlock();
addEventListener("pointerdown", unlock);
addEventListener("keydown", unlock);

render(
  <PartsContext.Provider value={{ desk, feed, calls, admin, preferences, ringer }}>
    <App />
  </PartsContext.Provider>,
  document.getElementById("app")!,
);
void desk.resume();
