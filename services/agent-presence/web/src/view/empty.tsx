import { deactivated, standing } from "../desk/words";
import { Button } from "./button";
import { useDesk, useFigures, useParts } from "./hooks";
import { Glyph } from "./icons";
import { Since } from "./time";

// No cards: says why, and what to do next.
export function EmptyState() {
  const { held } = useDesk();
  return <div class="empty">{held.presence.status === "STATUS_AVAILABLE" ? <Ready /> : <Away />}</div>;
}

function Ready() {
  const { held } = useDesk();
  const { keys } = useParts().preferences.get();
  return (
    <>
      <span class="empty-icon is-ready">
        <Glyph name="bell" />
      </span>
      <h3>Ready for the next contact</h3>
      <p>
        {held.idleSince > 0 && (
          <>
            You have been free for <Since at={held.idleSince} />.{" "}
          </>
        )}
        When one is offered to you, it appears here.
        {keys && (
          <>
            {" "}
            Press <kbd>A</kbd> to accept it, <kbd>D</kbd> to decline.
          </>
        )}
      </p>
      <Serving />
    </>
  );
}

function Serving() {
  const { queueIds } = useDesk().held.presence;
  const queues = useFigures().figures?.queues ?? [];
  if (queueIds.length === 0) return <p class="hint">No queues are known for you yet: ask a supervisor to add you to one.</p>;
  const names = queueIds.map((id) => queues.find((q) => q.queueId === id)?.name || id);
  const shown = names.slice(0, 6).join(", ");
  return (
    <p class="hint">
      You serve {shown}
      {names.length > 6 && ` and ${names.length - 6} more`}.
    </p>
  );
}

function Away() {
  const { desk } = useParts();
  const { held, live, pending } = useDesk();
  return (
    <>
      <span class="empty-icon">
        <Glyph name={held.presence.status === "STATUS_BREAK" ? "cup" : "moon"} />
      </span>
      <h3>You are {standing(held.presence)}</h3>
      {deactivated(held.presence) ? (
        <p>No contacts are offered to you until an administrator has activated you in the directory. Then go available.</p>
      ) : (
        <p>No contacts are offered to you now. Go available when you are ready to take one.</p>
      )}
      <Button
        kind="primary"
        icon="check"
        off={!live || pending.has("status")}
        busy={pending.get("status") === "STATUS_AVAILABLE"}
        onPress={() => desk.setStatus("STATUS_AVAILABLE", "")}
      >
        Go available
      </Button>
    </>
  );
}
