// Why a call to provisioning came to nothing, in words for an administrator.

import { sentence } from "../desk/words";
import { RpcError } from "../figures/rpc";

export function trouble(e: unknown): string {
  if (e instanceof RpcError) return refused(e);
  if (e instanceof DOMException && e.name === "TimeoutError") return "There was no answer in time.";
  if (e instanceof TypeError) return "This server cannot be reached."; // fetch says no more
  return sentence(e instanceof Error ? e.message : String(e));
}

function refused({ code, status, message }: RpcError): string {
  if (code === "unimplemented") return "The provisioning service is older than this page and cannot do this yet.";
  // The page's own handler answered: nothing stands where the calls should be passed on.
  if (code === "unknown" && (status === 404 || status === 405)) {
    return "This server passes no calls on to provisioning: provisioning.urls of agent-presence has to name it.";
  }
  return sentence(message);
}

export const unverified = "The tenant's state is being rebuilt: what you see may lack some jobs and items until it is verified again.";
