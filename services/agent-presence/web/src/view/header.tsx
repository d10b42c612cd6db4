import { useRef } from "preact/hooks";
import { Button } from "./button";
import { useDesk, useParts, useSubject } from "./hooks";
import { Logo } from "./icons";
import { Nav } from "./nav";

export function Header() {
  const { desk, preferences, ringer } = useParts();
  const { sound, keys } = useSubject(preferences);
  const { session, held } = useDesk();
  const name = held.agentName || session?.agentId || "";
  const dialog = useRef<HTMLDialogElement>(null);
  const leave = () => (held.cards.length > 0 ? dialog.current?.showModal() : desk.logOut());
  const toggleSound = () => {
    preferences.set({ sound: !sound });
    ringer.unlock();
  };
  return (
    <header class="top">
      <div class="brand">
        <Logo />
        <h1>Busyhour</h1>
      </div>
      <Nav />
      <div class="person">
        <span class="avatar" aria-hidden="true">
          {initials(name)}
        </span>
        <span class="person-name">
          {name}
          <small>
            {session?.agentId} · {session?.tenant}
          </small>
        </span>
      </div>
      <div class="tools">
        <Button kind="quiet" icon={sound ? "sound" : "mute"} title="Ring when an offer comes" onPress={toggleSound}>
          {sound ? "Sound on" : "Sound off"}
        </Button>
        <Button
          kind="quiet"
          icon={keys ? "keyboard" : "keyboardOff"}
          title="A accepts an offer, D declines it"
          onPress={() => preferences.set({ keys: !keys })}
        >
          {keys ? "Keys on" : "Keys off"}
        </Button>
        <Button kind="quiet" icon="door" onPress={leave}>
          Log out
        </Button>
      </div>
      <dialog ref={dialog} class="dialog" aria-labelledby="leave-title">
        <h2 id="leave-title">Log out with work in hand?</h2>
        <p>
          You hold {held.cards.length === 1 ? "a contact" : `${held.cards.length} contacts`}, and can't finish{" "}
          {held.cards.length === 1 ? "it" : "them"} without a screen. If this is your last one, you go offline.
        </p>
        <div class="dialog-acts">
          <Button kind="primary" onPress={() => dialog.current?.close()}>
            Stay
          </Button>
          <Button
            kind="danger"
            onPress={() => {
              dialog.current?.close();
              desk.logOut();
            }}
          >
            Log out all the same
          </Button>
        </div>
      </dialog>
    </header>
  );
}

function initials(name: string): string {
  const words = name.split(/\s+/).filter(Boolean);
  return ((words[0]?.[0] ?? "") + (words.length > 1 ? (words.at(-1)?.[0] ?? "") : "")).toUpperCase();
}
