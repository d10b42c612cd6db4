import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { cardPlace, type Desktop, type View } from "../desk/desktop";
import type { Card } from "../wire/wire";
import { WorkCard } from "./card";
import { EmptyState } from "./empty";
import { useDesk, useParts, useRoute, useSubject } from "./hooks";
import { Notes } from "./notes";

export function Cards() {
  const { desk, preferences, ringer } = useParts();
  const { keys, sound } = useSubject(preferences);
  const view = useDesk();
  const { cards } = view.held;
  const offer = cards.find((c) => c.state === "CONTACT_STATE_OFFERED");
  const region = useRef<HTMLElement | null>(null);
  useFocus(region, cards);
  const seen = useRoute().at === "desk";
  useKeys(desk, view, keys && seen ? offer : undefined);
  useEffect(() => ringer.ring(sound && offer !== undefined), [ringer, sound, offer !== undefined]);
  return (
    <section class="cards" ref={region} aria-labelledby="cards-title">
      <h2 id="cards-title" tabIndex={-1}>
        Your work
        {cards.length > 0 && <span class="count">{cards.length}</span>}
      </h2>
      {cards.map((card) => (
        <WorkCard
          key={card.contactId}
          card={card}
          live={view.live}
          pending={view.pending.get(cardPlace(card.contactId))}
          refusal={view.refusals.get(cardPlace(card.contactId))}
          keyed={keys && card === offer}
          act={(action) => desk.act(card.contactId, action)}
          dismiss={() => desk.dismiss(cardPlace(card.contactId))}
        />
      ))}
      <Notes />
      {cards.length === 0 && <EmptyState />}
    </section>
  );
}

// A accepts and D declines the oldest offer.
function useKeys(desk: Desktop, view: View, offer: Card | undefined): void {
  const contactId = view.live ? offer?.contactId : undefined;
  useEffect(() => {
    if (!contactId) return;
    const pressed = (e: KeyboardEvent) => {
      if (e.repeat || e.ctrlKey || e.metaKey || e.altKey || isTyping(e.target)) return;
      const key = e.key.toLowerCase();
      if (key === "a") desk.act(contactId, "ACTION_ACCEPT");
      if (key === "d") desk.act(contactId, "ACTION_DECLINE");
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [desk, contactId]);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.matches("input, textarea, select") || target.isContentEditable);
}

// Keeps the focus where the work is. A button that went takes the focus with it: give it to its card, or to the list.
// A new offer gets the focus only if nothing else has it, and then as a whole: a key meant for elsewhere accepts nothing.
function useFocus(region: RefObject<HTMLElement | null>, cards: readonly Card[]): void {
  const last = useRef<string | undefined>(undefined); // the card that has, or had, the focus
  useEffect(() => {
    const entered = (e: FocusEvent) => {
      const card = e.target instanceof Element ? e.target.closest<HTMLElement>("[data-contact]") : null;
      last.current = card?.dataset["contact"];
    };
    addEventListener("focusin", entered);
    return () => removeEventListener("focusin", entered);
  }, []);
  const shown = cards.map((c) => `${c.contactId} ${c.state}`).join();
  useLayoutEffect(() => {
    const has = document.activeElement;
    if (has && has !== document.body) return;
    const offer = cards.find((c) => c.state === "CONTACT_STATE_OFFERED");
    const id = last.current ?? offer?.contactId;
    if (!id) return;
    const card = region.current?.querySelector<HTMLElement>(`[data-contact="${CSS.escape(id)}"]`);
    (card ?? document.getElementById("cards-title"))?.focus({ preventScroll: last.current !== undefined });
  }, [shown]);
}
