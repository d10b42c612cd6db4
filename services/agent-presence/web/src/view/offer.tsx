import { who } from "../desk/words";
import { deskLink } from "../jobs/route";
import { useDesk } from "./hooks";
import { Glyph } from "./icons";

// Where the desk is not seen: that an offer waits there. It is read out by the Announcer.
export function OfferBar() {
  const offer = useDesk().held.cards.find((c) => c.state === "CONTACT_STATE_OFFERED");
  if (!offer) return null;
  return (
    <div class="banner is-offer">
      <Glyph name="bell" />
      <p>
        <strong>{who(offer)}</strong> is offered to you.
      </p>
      <a class="button is-primary" href={deskLink}>
        Go to the desk
      </a>
    </div>
  );
}
