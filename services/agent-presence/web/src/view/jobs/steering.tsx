import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { jobLink } from "../../jobs/route";
import type { JobWatch, WatchView } from "../../jobs/watch";
import { finished, stateOf, type State } from "../../jobs/words";
import type { Job } from "../../wire/wire";
import { Button } from "../button";
import { count } from "../format";
import type { Download } from "./download";

interface Props {
  readonly job: Job;
  readonly watch: JobWatch;
  readonly asked: WatchView["asked"];
  readonly download: Download;
}

// What can be done to a job. One command at a time.
export function Steering({ job, watch, asked, download }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const state = stateOf(job);
  const box = useFocusLeft(state);
  const runs = state === "running" || state === "taking-in";
  const retry = async () => {
    const made = await watch.retry();
    if (made) location.hash = jobLink(made);
  };
  return (
    <div class="jobs-acts" ref={box}>
      {(runs || state === "paused") && (
        <>
          <Button
            icon={runs ? "pause" : "play"}
            busy={asked === "pause" || asked === "resume"}
            off={asked !== undefined}
            onPress={() => void watch.steer(runs ? "pause" : "resume")}
          >
            {runs ? "Pause" : "Resume"}
          </Button>
          <Button
            kind="danger"
            icon="cross"
            busy={asked === "cancel"}
            off={asked !== undefined}
            onPress={() => dialog.current?.showModal()}
          >
            Cancel
          </Button>
        </>
      )}
      {job.failed > 0 && finished(job) && (
        <Button kind="primary" icon="again" busy={asked === "retry"} off={asked !== undefined} onPress={() => void retry()}>
          Retry failed items
        </Button>
      )}
      <Button icon="down" busy={download.items !== undefined} onPress={() => void download.start()}>
        {download.items ? `${count(download.items)} items` : "Download outcomes as CSV"}
      </Button>
      <dialog ref={dialog} class="dialog" aria-labelledby="cancel-title">
        <h2 id="cancel-title">Cancel this job?</h2>
        <p>
          {job.pending === 1 ? "1 item is" : `${count(job.pending)} items are`} pending. What has not begun is never done; what is under
          way ends as it will, and what was applied stays. A cancelled job cannot be resumed.
        </p>
        <div class="dialog-acts">
          <Button kind="primary" onPress={() => dialog.current?.close()}>
            Keep the job
          </Button>
          <Button
            kind="danger"
            onPress={() => {
              dialog.current?.close();
              void watch.steer("cancel");
            }}
          >
            Cancel the job
          </Button>
        </div>
      </dialog>
    </div>
  );
}

// A button that goes with the state that it was for leaves its focus to the heading, not to the page.
function useFocusLeft(state: State): RefObject<HTMLDivElement | null> {
  const box = useRef<HTMLDivElement>(null);
  const inside = useRef(false);
  useEffect(() => {
    const entered = (e: FocusEvent) => (inside.current = e.target instanceof Node && box.current?.contains(e.target) === true);
    addEventListener("focusin", entered);
    return () => removeEventListener("focusin", entered);
  }, []);
  useLayoutEffect(() => {
    if (!inside.current || document.activeElement !== document.body) return;
    document.querySelector<HTMLElement>(".jobs-head h2")?.focus({ preventScroll: true });
  }, [state]);
  return box;
}
