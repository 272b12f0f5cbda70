import type { Verdict } from "../profile/index.ts";
import { EXIT } from "./failure.ts";

/** What a verdict ends a command with: a profile that was not proven is not good, and a script must see that. */
export const OUTCOME_EXIT: Readonly<Record<Verdict["outcome"], number>> = {
  held: EXIT.fine,
  denied: EXIT.found,
  inconclusive: EXIT.failed,
};
