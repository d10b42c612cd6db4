import type { Notice } from "../desk/desktop";
import { sentence } from "../desk/words";
import { Button } from "./button";
import { Glyph } from "./icons";

// Why a command was refused, shown where it was given.
export function Refusal({ notice, onDismiss }: { notice: Notice | undefined; onDismiss: () => void }) {
  if (!notice) return null;
  return (
    <div class="refusal" role="alert">
      <Glyph name="info" />
      <p>
        <strong>{sentence(notice.message)}</strong> {sentence(notice.help)}
        {notice.reason && <code>{notice.reason}</code>}
      </p>
      <Button kind="quiet" icon="cross" onPress={onDismiss}>
        <span class="unseen">Dismiss</span>
      </Button>
    </div>
  );
}
