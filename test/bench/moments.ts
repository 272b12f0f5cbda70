import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silent } from "../../src/base/index.ts";
import { EbpfSession } from "../../src/record/index.ts";
import { median, startWatched } from "./measure.ts";

const repository = join(import.meta.dirname, "../..");

/** How long things take that happen once: help, and a recorder from nothing to attached, each in a process of its own. */
export async function startup(rounds: number): Promise<string> {
  const times = {
    node: [] as number[],
    help: [] as number[],
    attach: [] as number[],
    whole: [] as number[],
    memory: [] as number[],
  };
  spawnSync(join(repository, "cinch"), ["--help"]);
  for (let i = 0; i < rounds; i += 1) {
    times.node.push(timed([process.execPath, "-e", "0"]));
    times.help.push(timed([join(repository, "cinch"), "--help"]));
    const module = JSON.stringify(join(repository, "src/record/index.ts"));
    const script = `
      const { EbpfSession } = await import(${module});
      const start = performance.now();
      const session = new EbpfSession({ scope: "tree", talk: { phase() {}, warn() {}, detail() {} } });
      session.attach();
      console.log(performance.now() - start, process.memoryUsage.rss(), performance.now());
      session[Symbol.dispose]();`;
    const { stdout, status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
      // As the command has it (src/cli/start.js): without it, each start pays for stripping types.
      env: { ...process.env, NODE_COMPILE_CACHE: join(repository, "node_modules/.cache/cinch") },
    });
    if (status !== 0) throw new Error(stderr);
    const [attach, memory, whole] = stdout.split(" ").map(Number) as [number, number, number];
    times.attach.push(attach);
    times.whole.push(whole);
    times.memory.push(memory / 2 ** 20);
  }
  const row = (name: string, values: number[], unit: string): string =>
    `  ${name.padEnd(44)} ${median(values).toFixed(0).padStart(5)} ${unit}   (${Math.min(...values).toFixed(0)}–${Math.max(...values).toFixed(0)})\n`;
  return (
    `\nstart-up (median of ${rounds}, range)\n` +
    row("node -e 0", times.node, "ms") +
    row("cinch --help", times.help, "ms") +
    row("recorder: programs made, loaded, attached", times.attach, "ms") +
    row("process start to attached", times.whole, "ms") +
    row("recorder's process, resident memory", times.memory, "MiB")
  );
}

function timed([command, ...args]: string[]): number {
  const start = performance.now();
  const { status } = spawnSync(command!, args, { stdio: "ignore" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}`);
  return performance.now() - start;
}

/** 20,000 distinct files and 2,000 executions as fast as they go: what is lost, and how large the recorder becomes. */
export async function burst(rounds: number): Promise<string> {
  const program = `import os
for i in range(20000): os.close(os.open("f%d" % i, os.O_CREAT | os.O_WRONLY))
for i in range(2000): os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)`;
  const lines: string[] = [];
  for (let i = 0; i < rounds; i += 1) {
    const folder = mkdtempSync(join(tmpdir(), "cinch-burst-"));
    const session = new EbpfSession({ scope: "tree", talk: silent });
    try {
      session.attach();
      const { child } = await startWatched(
        ["python3", "-c", program],
        {
          name: "cinch",
          start(pid) {
            session.follow(pid);
            return Promise.resolve(() => Promise.resolve(undefined));
          },
        },
        { cwd: folder },
      );
      const start = performance.now();
      await once(child, "exit");
      const seconds = (performance.now() - start) / 1000;
      const { recording } = session.finish({ target: "burst", runtime: "local", noNewPrivileges: false });
      const made = readdirSync(folder).length;
      const seen = recording.files.filter(({ path, ok }) => ok && path.startsWith(folder)).length;
      const memory = process.memoryUsage.rss() / 2 ** 20;
      lines.push(
        `  ${made} files made, ${seen} recorded, in ${seconds.toFixed(2)} s; complete: ${recording.complete}, lost: ${JSON.stringify(recording.lost)}; ${memory.toFixed(0)} MiB\n`,
      );
    } finally {
      session[Symbol.dispose]();
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return `\nburst (20,000 files and 2,000 executions)\n${lines.join("")}`;
}
