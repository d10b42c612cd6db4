import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import type { Notice } from "../../desk/desktop";
import { jobLink, jobsLink } from "../../jobs/route";
import type { JobService } from "../../jobs/service";
import { JobWatch, type WatchView } from "../../jobs/watch";
import { hex, priorityWord, size, titleOf } from "../../jobs/words";
import type { Job } from "../../wire/wire";
import { count, left } from "../format";
import { usePolled, useSubject } from "../hooks";
import { Refusal } from "../refusal";
import { useDownload } from "./download";
import { FailuresPanel } from "./failures";
import { Bar, Doubts, Heading, StateTag, When } from "./parts";
import { Steering } from "./steering";

// One job: how far it is, what can be done to it, and what failed.
export function JobPage({ service, id }: { service: JobService; id: string }) {
  const watch = useMemo(() => new JobWatch(service, id), [service, id]);
  usePolled(watch);
  const view = useSubject(watch);
  const download = useDownload(service, id);
  const { job } = view;
  return (
    <>
      <a class="back" href={jobsLink}>
        All jobs
      </a>
      <header class="jobs-head">
        <Heading>{job ? titleOf(job) : `Job ${id}`}</Heading>
        {job && <StateTag job={job} />}
        {job && <Steering job={job} watch={watch} asked={view.asked} download={download} />}
      </header>
      <Doubts trouble={view.trouble} verified={view.verified} />
      <Refusal notice={notice(view.refusal)} onDismiss={() => watch.dismiss()} />
      <Refusal notice={notice(download.failed)} onDismiss={download.dismiss} />
      {!job && !view.trouble && <p class="hint">Asking…</p>}
      {job && (
        <>
          <ProgressPanel job={job} view={view} />
          <Facts job={job} />
          <FailuresPanel service={service} job={job} />
        </>
      )}
      <p class="unseen" role="status" aria-live="polite">
        {view.said}
      </p>
    </>
  );
}

function notice(message: string): Notice | undefined {
  return message ? { message, help: "", reason: "" } : undefined;
}

function ProgressPanel({ job, view }: { job: Job; view: WatchView }) {
  const { rate, left: rest } = view.progress;
  const counts = ["total", "applied", "failed", "cancelled", "pending"] as const;
  return (
    <section class="panel" aria-labelledby="progress-title">
      <h3 id="progress-title" class="unseen">
        Progress
      </h3>
      <dl class="numbers">
        {counts.map((c) => (
          <div key={c} class={job[c] > 0 ? `figure is-${c}` : "figure"} data-count={c}>
            <dt>{c}</dt>
            <dd>{count(job[c])}</dd>
          </div>
        ))}
        {rate > 0 && (
          <div class="figure is-pace" data-count="pace">
            <dt>items a second</dt>
            <dd>{rate < 10 ? rate.toFixed(1) : count(Math.round(rate))}</dd>
          </div>
        )}
        {rate > 0 && (
          <div class="figure is-pace" data-count="left">
            <dt>about left</dt>
            <dd>{left(rest)}</dd>
          </div>
        )}
      </dl>
      <Bar job={job} label="Progress of this job" />
    </section>
  );
}

function Facts({ job }: { job: Job }) {
  return (
    <section class="panel" aria-labelledby="facts-title">
      <h3 id="facts-title" class="unseen">
        About this job
      </h3>
      <dl class="facts">
        <Fact name="Id" code={job.id} />
        <Fact name="Asked for">
          <When at={job.createdAt} exact /> by {job.actor || "nobody named"}
        </Fact>
        <Fact name="Priority">{priorityWord[job.priority]}</Fact>
        {job.changedBy && <Fact name="Changed last by">{job.changedBy}</Fact>}
        {job.pausedAt > 0 && (
          <Fact name="Paused">
            <When at={job.pausedAt} exact />
          </Fact>
        )}
        {job.cancelledAt > 0 && (
          <Fact name="Cancelled">
            <When at={job.cancelledAt} exact />
          </Fact>
        )}
        {job.retryOf && (
          <Fact name="Failed items of">
            <a class="id" href={jobLink(job.retryOf)}>
              {job.retryOf}
            </a>
          </Fact>
        )}
        {job.file && (
          <Fact name="File">
            {job.file.name || "without a name"}, {size(job.file.bytes)}
          </Fact>
        )}
        <Fact name="Request id" code={job.requestId} />
        {job.file?.sha256 && <Fact name="SHA-256 of the file" code={hex(job.file.sha256)} wide />}
      </dl>
    </section>
  );
}

interface FactProps {
  readonly name: string;
  // Shown instead of children, in letters of one width.
  readonly code?: string;
  readonly wide?: boolean;
  readonly children?: ComponentChildren;
}

function Fact({ name, code, wide, children }: FactProps) {
  return (
    <div class={wide ? "is-wide" : undefined}>
      <dt>{name}</dt>
      <dd>{code ? <code>{code}</code> : children}</dd>
    </div>
  );
}
