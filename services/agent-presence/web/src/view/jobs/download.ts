import { useState } from "preact/hooks";
import { outcomesFile } from "../../jobs/export";
import type { JobService } from "../../jobs/service";
import { trouble } from "../../jobs/trouble";

export interface Download {
  // Items read so far; undefined while nothing is downloaded.
  readonly items: number | undefined;
  // Why there was no file.
  readonly failed: string;
  readonly start: () => Promise<void>;
  readonly dismiss: () => void;
}

// The outcomes of a job as a file of the browser's.
export function useDownload(service: JobService, jobId: string): Download {
  const [items, told] = useState<number | undefined>(undefined);
  const [failed, fail] = useState("");
  const start = async () => {
    told(0);
    fail("");
    try {
      save(`outcomes-${jobId}.csv`, await outcomesFile(service, jobId, told));
    } catch (e) {
      fail(`No file was made. ${trouble(e)}`);
    }
    told(undefined);
  };
  return { items, failed, start, dismiss: () => fail("") };
}

function save(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser may not have begun to read it
}
