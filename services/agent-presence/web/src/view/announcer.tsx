import { useEffect, useState } from "preact/hooks";
import { useParts } from "./hooks";

// Reads out what changed, for those who do not see it.
export function Announcer() {
  const { desk } = useParts();
  const [urgent, setUrgent] = useState("");
  const [calm, setCalm] = useState("");
  useEffect(() => desk.onNews((n) => (n.urgent ? setUrgent : setCalm)(n.text)), [desk]);
  return (
    <div class="unseen">
      <p role="alert" aria-live="assertive">
        {urgent}
      </p>
      <p role="status" aria-live="polite">
        {calm}
      </p>
    </div>
  );
}
