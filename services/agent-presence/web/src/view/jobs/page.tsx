import { useMemo } from "preact/hooks";
import type { Admin } from "../../jobs/admin";
import { JobService } from "../../jobs/service";
import { useParts, useRoute } from "../hooks";
import { ImportPage } from "./import";
import { JobPage } from "./job";
import { ListPage } from "./list";

// The administrator's pages: all jobs, one of them, or a file on its way to become one.
export function JobsPage({ tenant, actor }: Admin) {
  const route = useRoute();
  const { tokens } = useParts();
  const service = useMemo(() => new JobService(tenant, actor, tokens.post), [tenant, actor, tokens]);
  return <main class="jobs">{pageOf()}</main>;

  function pageOf() {
    if (route.at === "job") return <JobPage key={route.id} service={service} id={route.id} />;
    return route.at === "import" ? <ImportPage service={service} /> : <ListPage service={service} />;
  }
}
