// All outcomes of a job, as a file to keep.

import { heading, row } from "./csv";
import type { JobService } from "./service";

const pageSize = 1_000;

// Tells how many items it has, after each page.
export async function outcomesFile(service: JobService, jobId: string, told: (items: number) => void): Promise<string> {
  const lines = [heading];
  let pageToken = "";
  do {
    const page = await service.outcomes(jobId, undefined, { pageSize, pageToken });
    if (!page.verified) throw new Error("the tenant's state is being rebuilt, and the file would lack some items: try again in a moment");
    lines.push(...page.outcomes.map(row));
    told(lines.length - 1);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return lines.join("");
}
