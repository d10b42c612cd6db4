import { useEffect, useState } from "preact/hooks";
import { Button } from "./button";
import { useParts } from "./hooks";
import { Glyph } from "./icons";

interface Note {
  readonly id: number;
  readonly text: string;
}

const shownFor = 8_000;
const most = 3;
let next = 0;

// What became of cards that have gone. A miss stays until it is dismissed: the agent may not have been looking.
export function Notes() {
  const { desk } = useParts();
  const [notes, set] = useState<readonly Note[]>([]);
  const drop = (id: number) => set((all) => all.filter((n) => n.id !== id));
  useEffect(
    () =>
      desk.onNews(({ text, note }) => {
        if (!note) return;
        const id = next++;
        set((all) => [...all, { id, text }].slice(-most));
        if (!note.stays) setTimeout(() => drop(id), shownFor);
      }),
    [desk],
  );
  return (
    <>
      {notes.map((n) => (
        <div class="note" key={n.id}>
          <Glyph name="info" />
          <p>{n.text}</p>
          <Button kind="quiet" icon="cross" onPress={() => drop(n.id)}>
            <span class="unseen">Dismiss</span>
          </Button>
        </div>
      ))}
    </>
  );
}
