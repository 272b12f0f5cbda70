/**
 * `npm run bench -- [loop|redis|nginx|startup|burst|analyze]… [--rounds N]`: what cinch costs, next to nothing, to empty eBPF
 * programs, to bpftrace and to strace, measured in turn in one go. Wants root; redis, nginx, wrk, bpftrace and strace from
 * Debian for what they measure.
 */
import { parseArgs } from "node:util";
import { analyze } from "./analyze.ts";
import { burst, startup } from "./moments.ts";
import { interleave, table } from "./measure.ts";
import { bpftrace, cinchCalls, cinchFull, empty, strace, untraced } from "./observers.ts";
import { addedPerCall, loop, nginx, redis } from "./servers.ts";

const all = [untraced, empty, cinchCalls, cinchFull, bpftrace, strace];

const benches: Record<string, (rounds: number) => Promise<string>> = {
  loop: async (rounds) =>
    table(
      "system-call loop (dd, one byte a block)",
      "calls/s",
      await interleave(loop, all, rounds),
      addedPerCall,
    ),
  redis: async (rounds) =>
    table("redis-benchmark SET and GET", "requests/s", await interleave(redis, all, rounds)),
  nginx: async (rounds) => table("nginx under wrk", "requests/s", await interleave(nginx, all, rounds)),
  startup,
  burst,
  analyze,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "7" } },
});
const rounds = Number(values.rounds);
const unknown = positionals.filter((name) => !(name in benches));
if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
  process.stderr.write(`usage: npm run bench -- [${Object.keys(benches).join("|")}]… [--rounds N]\n`);
  process.exit(2);
}
for (const name of positionals.length === 0 ? Object.keys(benches) : positionals) {
  process.stdout.write(await benches[name]!(rounds));
}
