import { useMemo } from "preact/hooks";
import { JobList } from "../../jobs/list";
import { importLink, jobLink } from "../../jobs/route";
import type { JobService } from "../../jobs/service";
import { priorityWord, titleOf } from "../../jobs/words";
import type { Job } from "../../wire/wire";
import { count } from "../format";
import { usePolled, useSubject } from "../hooks";
import { Glyph } from "../icons";
import { Bar, Doubts, Heading, StateTag, Turn, When } from "./parts";

export function ListPage({ service }: { service: JobService }) {
  const list = useMemo(() => new JobList(service), [service]);
  usePolled(list);
  const { jobs, page, more, verified, trouble } = useSubject(list);
  return (
    <>
      <header class="jobs-head">
        <Heading>Bulk jobs</Heading>
        <a class="button is-primary" href={importLink}>
          <Glyph name="up" />
          Import agents
        </a>
      </header>
      <Doubts trouble={trouble} verified={verified} />
      {!jobs && !trouble && <p class="hint">Asking…</p>}
      {jobs && jobs.length > 0 && <Table jobs={jobs} />}
      {jobs?.length === 0 && verified && <Nothing first={page === 1} />}
      <Turn what="the list of jobs" page={page} more={more} back={() => list.newer()} forth={() => list.older()} words={["Newer", "Older"]} />
    </>
  );
}

function Nothing({ first }: { first: boolean }) {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Glyph name="up" />
      </span>
      <h3>{first ? "No jobs yet" : "No older jobs"}</h3>
      <p>Jobs of the last 31 days stand here: files of agents, and what other programs ask for in bulk.</p>
    </div>
  );
}

function Table({ jobs }: { jobs: readonly Job[] }) {
  return (
    <div class="sheet">
      <table class="table is-jobs">
        <caption class="unseen">Bulk jobs, the newest first</caption>
        <thead>
          <tr>
            <th scope="col">Job</th>
            <th scope="col">Asked for</th>
            <th scope="col">Priority</th>
            <th scope="col">State</th>
            <th scope="col">Progress</th>
          </tr>
        </thead>
        <tbody>
          {jobs.map((job) => (
            <Row key={job.id} job={job} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ job }: { job: Job }) {
  const title = titleOf(job);
  return (
    <tr data-job={job.id}>
      <th scope="row">
        <a href={jobLink(job.id)}>{title}</a>
        <small class="id">{job.id}</small>
      </th>
      <td>
        <When at={job.createdAt} />
        <small>by {job.actor || "nobody named"}</small>
      </td>
      <td>{priorityWord[job.priority]}</td>
      <td>
        <StateTag job={job} />
      </td>
      <td>
        <Bar job={job} label={`Progress of ${title}`} />
        <Counts job={job} />
      </td>
    </tr>
  );
}

function Counts({ job }: { job: Job }) {
  const others = [
    ["failed", job.failed],
    ["cancelled", job.cancelled],
    ["pending", job.pending],
  ] as const;
  return (
    <p class="counts">
      <span>
        <b>{count(job.applied)}</b> of {count(job.total)} applied
      </span>
      {others.map(
        ([word, n]) =>
          n > 0 && (
            <span key={word} class={`is-${word}`}>
              <b>{count(n)}</b> {word}
            </span>
          ),
      )}
    </p>
  );
}
