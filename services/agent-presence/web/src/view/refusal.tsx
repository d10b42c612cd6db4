import type { Notice } from "../desk/desktop";
import { Button } from "./button";
import { Glyph } from "./icons";

// Why a command was refused, shown where it was given.
export function Refusal({ notice, onDismiss }: { notice: Notice | undefined; onDismiss: () => void }) {
  if (!notice) return null;
  return (
    <div class="refusal" role="alert">
      <Glyph name="info" />
      <p>
        <strong>{sentence(notice.message)}</strong> {notice.help && sentence(notice.help)}
        {notice.reason && <code>{notice.reason}</code>}
      </p>
      <Button kind="quiet" icon="cross" onPress={onDismiss}>
        <span class="unseen">Dismiss</span>
      </Button>
    </div>
  );
}

function sentence(s: string): string {
  const text = s.charAt(0).toUpperCase() + s.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
