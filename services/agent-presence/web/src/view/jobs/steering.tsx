import { useRef, useState } from "preact/hooks";
import { outcomesFile } from "../../jobs/export";
import { jobLink } from "../../jobs/route";
import type { JobService } from "../../jobs/service";
import { trouble } from "../../jobs/trouble";
import type { JobWatch, WatchView } from "../../jobs/watch";
import { finished, stateOf } from "../../jobs/words";
import type { Job } from "../../wire/wire";
import { Button } from "../button";
import { count } from "../format";

interface Props {
  readonly job: Job;
  readonly service: JobService;
  readonly watch: JobWatch;
  readonly asked: WatchView["asked"];
}

// What can be done to a job. One command at a time.
export function Steering({ job, service, watch, asked }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const state = stateOf(job);
  const runs = state === "running" || state === "taking-in";
  const retry = async () => {
    const made = await watch.retry();
    if (made) location.hash = jobLink(made);
  };
  return (
    <div class="jobs-acts">
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
          <Button kind="danger" icon="cross" busy={asked === "cancel"} off={asked !== undefined} onPress={() => dialog.current?.showModal()}>
            Cancel
          </Button>
        </>
      )}
      {job.failed > 0 && finished(job) && (
        <Button kind="primary" icon="again" busy={asked === "retry"} off={asked !== undefined} onPress={() => void retry()}>
          Retry failed items
        </Button>
      )}
      <Download service={service} jobId={job.id} />
      <dialog ref={dialog} class="dialog" aria-labelledby="cancel-title">
        <h2 id="cancel-title">Cancel this job?</h2>
        <p>
          {count(job.pending)} items are pending. Those that have not begun are never done; those under way end as they will, and what was
          applied stays. A cancelled job cannot be resumed.
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

function Download({ service, jobId }: { service: JobService; jobId: string }) {
  const [items, told] = useState<number | undefined>(undefined);
  const [failed, fail] = useState("");
  const download = async () => {
    told(0);
    fail("");
    try {
      save(`outcomes-${jobId}.csv`, await outcomesFile(service, jobId, told));
    } catch (e) {
      fail(trouble(e));
    }
    told(undefined);
  };
  const busy = items !== undefined;
  return (
    <>
      <Button icon="down" busy={busy} onPress={() => void download()}>
        {busy && items > 0 ? `${count(items)} items` : "Download outcomes as CSV"}
      </Button>
      <p class="jobs-failed" role="status">
        {failed && `No file: ${failed}`}
      </p>
    </>
  );
}

function save(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser may not have begun to read it
}
