import { analyzeJob } from "../analysis.ts";
import type { CinchContext } from "../context.ts";
import { FORMATS } from "../formats.ts";
import { analysisText } from "../reports/analysis.ts";
import { Session, jsonText } from "../session.ts";
import { findTarget } from "../target.ts";
import type { AnalyzeFlags } from "../tree.ts";

export default async function analyze(
  this: CinchContext,
  flags: AnalyzeFlags,
  target?: string,
): Promise<void> {
  using session = new Session(this, flags, FORMATS.analyze);
  const found = await findTarget(session, flags, target);
  const analysis = await analyzeJob(session, found, {
    mode: flags.mode ?? "strict",
    assume: flags.assume,
    noAssume: flags.noAssume,
    plugins: flags.plugin,
    ...(flags.all === true && { all: true }),
  });
  session.write(() => jsonText(analysis));
  session.summary(analysisText(analysis, session.paint, flags.verbose ?? false));
}
