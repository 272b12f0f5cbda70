/**
 * A process that starts a target and then waits to be killed: `start-and-wait.ts TARGET ENGINE`. It prints the pid of
 * the target's main process. With a third word, `end`, it stops the target instead and says how that went.
 */
import { silent } from "../../src/base/index.ts";
import { resolveTarget } from "../../src/image/index.ts";
import { type EngineName, prepareSubject } from "../../src/workload/index.ts";

const [text, engine, end] = process.argv.slice(2);
const target = await resolveTarget(text, { cwd: "/", command: ["sleep", "600"] });
await using subject = await prepareSubject(target, {
  engine: engine as EngineName,
  confinement: { container: { seccomp: "allow-all" } },
  talk: silent,
});
const running = await subject.start();
process.stdout.write(`${running.pid}\n`);
if (end === undefined) await running.wait();
// A main process is spared signals that it has no handler for: only SIGKILL ends it.
const { code } = await running.stop("SIGKILL", 5000);
process.stdout.write(`${subject.runtime} code ${code}\n`);
