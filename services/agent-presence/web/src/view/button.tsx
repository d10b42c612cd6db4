import type { ComponentChildren } from "preact";
import { Glyph, type IconName } from "./icons";

interface Props {
  readonly children: ComponentChildren;
  readonly onPress: () => void;
  readonly icon?: IconName;
  readonly kind?: "primary" | "plain" | "danger" | "quiet";
  // The command is on its way.
  readonly busy?: boolean;
  // It can't be given now; unlike `disabled` this keeps the focus and is announced.
  readonly off?: boolean;
  readonly pressed?: boolean;
  // A key that does the same.
  readonly shortcut?: string;
  readonly title?: string;
  readonly expanded?: boolean;
}

export function Button({ children, onPress, icon, kind = "plain", busy, off, pressed, shortcut, title, expanded }: Props) {
  const idle = !busy && !off;
  return (
    <button
      type="button"
      class={`button is-${kind}`}
      aria-disabled={idle ? undefined : true}
      aria-busy={busy ? true : undefined}
      aria-pressed={pressed}
      aria-expanded={expanded}
      aria-keyshortcuts={shortcut}
      title={title}
      // The second half of a double click may land on a button that has only just appeared there.
      onClick={(e) => idle && e.detail < 2 && onPress()}
    >
      {busy ? <span class="spinner" aria-hidden="true" /> : icon && <Glyph name={icon} />}
      <span>{children}</span>
      {shortcut && <kbd aria-hidden="true">{shortcut}</kbd>}
    </button>
  );
}
