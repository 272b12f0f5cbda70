import { type Target, resolveTarget } from "../image/index.ts";
import type { Session } from "./session.ts";

/** The target alone, for what runs nothing: another machine's programs will do too. */
export function findTarget(
  session: Session,
  flags: { root?: string; config?: string },
  given: string | undefined,
): Promise<Target> {
  const { cwd, command } = session.context;
  return resolveTarget(given, { command, root: flags.root, cwd, config: flags.config });
}
