import { useMemo } from "preact/hooks";
import { jobLink, jobsLink } from "../../jobs/route";
import type { JobService } from "../../jobs/service";
import { Upload, type UploadView } from "../../jobs/upload";
import { priorityWord, size } from "../../jobs/words";
import { Priority, type LineError } from "../../wire/wire";
import { Button } from "../button";
import { count } from "../format";
import { useSubject } from "../hooks";
import { Doubts, Heading } from "./parts";

const hints: Record<Priority, string> = {
  PRIORITY_UNSPECIFIED: "Normal up to 100 agents, bulk above.",
  PRIORITY_BULK: "Behind everything else.",
  PRIORITY_NORMAL: "Before bulk jobs.",
  PRIORITY_URGENT: "Before all others.",
};

// A file of agents becomes a job: chosen, checked, taken.
export function ImportPage({ service }: { service: JobService }) {
  const upload = useMemo(() => new Upload(service), [service]);
  const view = useSubject(upload);
  const busy = view.step === "checking" || view.step === "importing";
  const take = async () => {
    const id = await upload.take();
    if (id) location.hash = jobLink(id);
  };
  return (
    <>
      <a class="back" href={jobsLink}>
        All jobs
      </a>
      <header class="jobs-head">
        <Heading>Import agents</Heading>
      </header>
      <section class="panel upload" aria-label="File and priority">
        <FileField upload={upload} />
        <Priorities view={view} prefer={(p) => upload.prefer(p)} />
        <div class="jobs-acts">
          <Button kind="primary" icon="up" busy={view.step === "importing"} off={view.step !== "good"} onPress={() => void take()}>
            {view.step === "good" || view.step === "importing" ? `Import ${agents(view.lines)}` : "Import"}
          </Button>
          {view.trouble && upload.ready && !busy && view.step === "choosing" && (
            <Button icon="again" onPress={() => void upload.check()}>
              Check again
            </Button>
          )}
        </div>
      </section>
      <Doubts trouble={view.trouble} verified />
      <Verdict view={view} />
      {view.step === "bad" && <Errors view={view} />}
    </>
  );
}

function agents(n: number): string {
  return n === 1 ? "1 agent" : `${count(n)} agents`;
}

function FileField({ upload }: { upload: Upload }) {
  return (
    <div class="field">
      <label for="file">File of agents</label>
      <input
        id="file"
        type="file"
        accept=".csv,text/csv"
        aria-describedby="file-hint"
        // The same file, corrected, has to be a change again.
        onClick={(e) => (e.currentTarget.value = "")}
        onChange={(e) => {
          const file = e.currentTarget.files?.[0];
          if (file) void upload.choose(file);
        }}
      />
      <p class="hint" id="file-hint">
        CSV with a heading: <code>id,name,skills,queues,capacity,address</code>. At most 10,000 lines and 3 MiB. It is checked first; all
        lines are taken, or none.
      </p>
    </div>
  );
}

function Priorities({ view, prefer }: { view: UploadView; prefer: (p: Priority) => void }) {
  return (
    <div class="field">
      <label for="priority">Priority</label>
      <select
        id="priority"
        value={view.priority}
        aria-describedby="priority-hint"
        onChange={(e) => prefer(Priority.read(e.currentTarget.value, "priority"))}
      >
        {Priority.values.map((p) => (
          <option key={p} value={p}>
            {priorityWord[p]}
          </option>
        ))}
      </select>
      <p class="hint" id="priority-hint">
        {hints[view.priority]}
      </p>
    </div>
  );
}

// What the check says, read out when it comes.
function Verdict({ view }: { view: UploadView }) {
  const about = view.name && `${view.name}, ${size(view.bytes)}: `;
  return (
    <p class={`verdict is-${view.step}`} role="status">
      {view.step === "checking" && `${about}being checked…`}
      {(view.step === "good" || view.step === "importing") && `${about}good. Nothing is taken before you import it.`}
      {view.step === "bad" && `${about}${view.summary || `${count(view.errorCount)} errors`}.`}
    </p>
  );
}

function Errors({ view }: { view: UploadView }) {
  const { errors, errorCount } = view;
  return (
    <section aria-labelledby="errors-title" class="failures">
      <h3 id="errors-title">
        What is wrong <span class="count">{count(errorCount)}</span>
      </h3>
      <div class="sheet">
        <table class="table is-errors">
          <caption class="unseen">Errors by line</caption>
          <thead>
            <tr>
              <th scope="col">Line</th>
              <th scope="col">Column</th>
              <th scope="col">Problem</th>
            </tr>
          </thead>
          <tbody>
            {errors.map((e, i) => (
              <ErrorRow key={i} error={e} />
            ))}
          </tbody>
        </table>
      </div>
      {errorCount > errors.length && <p class="hint">These are the first {count(errors.length)}.</p>}
    </section>
  );
}

function ErrorRow({ error }: { error: LineError }) {
  return (
    <tr>
      <th scope="row" class="time">
        {count(error.line)}
      </th>
      <td>{error.column && <code>{error.column}</code>}</td>
      <td>{error.problem}</td>
    </tr>
  );
}
