import { useEffect, useMemo } from "preact/hooks";
import { Failures } from "../../jobs/failures";
import type { JobService } from "../../jobs/service";
import { entityOf, kindWord } from "../../jobs/words";
import type { Job, Outcome } from "../../wire/wire";
import { count } from "../format";
import { useSubject } from "../hooks";
import { Doubts, Turn, When } from "./parts";

// The failed items, looked up again when more have failed.
export function FailuresPanel({ service, job }: { service: JobService; job: Job }) {
  const failures = useMemo(() => new Failures(service, job.id), [service, job.id]);
  const { items, page, more, trouble } = useSubject(failures);
  useEffect(() => {
    if (job.failed > 0) void failures.load();
    return () => failures.stop();
  }, [failures, job.failed]);
  if (job.failed === 0) return null;
  return (
    <section class="failures" aria-labelledby="failures-title">
      <h3 id="failures-title">
        Failed items <span class="count">{count(job.failed)}</span>
      </h3>
      <Doubts trouble={trouble} verified />
      {items && items.length > 0 && <Table items={items} />}
      <Turn
        what="failed items"
        page={page}
        more={more}
        back={() => void failures.previous()}
        forth={() => void failures.next()}
        words={["Previous", "Next"]}
      />
    </section>
  );
}

function Table({ items }: { items: readonly Outcome[] }) {
  return (
    <div class="sheet">
      <table class="table is-failures">
        <caption class="unseen">Items that failed, and why</caption>
        <thead>
          <tr>
            <th scope="col">Item</th>
            <th scope="col">Agent or queue</th>
            <th scope="col">Why</th>
            <th scope="col">Attempts</th>
            <th scope="col">When</th>
          </tr>
        </thead>
        <tbody>
          {items.map((o) => (
            <tr key={o.number} data-item={o.number}>
              <td class="time">{count(o.number)}</td>
              <th scope="row">
                {entityOf(o)}
                <small>{kindWord(o.request?.item?.kind)}</small>
              </th>
              <td>{o.reason || "No reason was given."}</td>
              <td class="time">{o.attempts}</td>
              <td>
                <When at={o.at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
