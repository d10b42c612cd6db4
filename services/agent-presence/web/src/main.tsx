import { render } from "preact";
import { Tokens } from "./auth/tokens";
import { CallsList } from "./calls/list";
import { ServerClock } from "./desk/clock";
import { whoAreYou } from "./desk/closing";
import { Desktop } from "./desk/desktop";
import { FiguresFeed } from "./figures/feed";
import { AdminSession } from "./jobs/admin";
import { App } from "./view/app";
import { PartsContext } from "./view/hooks";
import { Preferences } from "./view/preferences";
import { Ringer } from "./view/ringer";
import "./styles.css";

const tokens = new Tokens({
  store: sessionStorage,
  location,
  replace: (url) => history.replaceState(null, "", url),
  ask: (url, init) => fetch(url, init),
});
const desk = new Desktop({
  connect: () => new WebSocket(new URL("/ws/desktop", location.href.replace(/^http/, "ws"))),
  store: sessionStorage,
  clock: new ServerClock(),
  token: () => tokens.token,
});
const feed = new FiguresFeed({ post: tokens.post });
const calls = new CallsList({ post: tokens.post });
const admin = new AdminSession(sessionStorage);
const preferences = new Preferences(localStorage);
const ringer = new Ringer();

// A token that the server does not take any more is asked for anew; with the next one the desk comes back.
desk.subscribe(() => {
  const { link } = desk.get();
  if (link.is === "ended" && link.code === whoAreYou && tokens.token) tokens.lost(link.why);
});
let known = tokens.token;
tokens.subscribe(() => {
  if (tokens.token === known) return;
  known = tokens.token;
  if (known && desk.get().link.is === "ended") desk.again();
  else if (known) desk.renew();
});
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
  <PartsContext.Provider value={{ tokens, desk, feed, calls, admin, preferences, ringer }}>
    <App />
  </PartsContext.Provider>,
  document.getElementById("app")!,
);
void tokens.begin().then(() => desk.resume());
