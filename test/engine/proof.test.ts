import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silent } from "../../src/base/index.ts";
import { dockerConfinement } from "../../src/emit/index.ts";
import { readProject, resolveTarget } from "../../src/image/index.ts";
import { type Profile, type Recording, derive } from "../../src/profile/index.ts";
import { record } from "../../src/record/index.ts";
import { verifyProfile } from "../../src/verify/index.ts";
import { type EngineName, type Workload, prepareSubject, workloadOf } from "../../src/workload/index.ts";
import { ensureImage } from "../support/docker.ts";
import { tier } from "../support/tier.ts";

/**
 * What cinch promises of a profile: it needs no more than the program does, it holds in every enforced run on each
 * engine, and it refuses what a shell breaking out tries. CINCH_PROOF_RUNS: enforced runs for each combination.
 */
const RUNS = Number(process.env["CINCH_PROOF_RUNS"] ?? 3);

const repository = join(import.meta.dirname, "../..");
const signal = new AbortController().signal;

const PORTS = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
const ports = existsSync(PORTS) ? readFileSync(PORTS, "utf8") : "1024";

interface Fitted {
  workload: Workload;
  profile: Profile;
}

async function fit(name: "redis" | "nginx"): Promise<Fitted> {
  await ensureImage(name);
  // The example as a user has it; steps run in its folder.
  const project = readProject(join(repository, "examples", name));
  const workload = workloadOf(project.workload, {}, project);
  const target = await resolveTarget(`docker:cinch-example-${name}`, { cwd: repository });
  // Twice: what a run does by chance (a contended lock, a slow request that is logged) need not show in the first.
  const recordings: Recording[] = [];
  for (let i = 0; i < 2; i += 1) {
    await using subject = await prepareSubject(target, {
      engine: "docker",
      confinement: { container: { seccomp: "allow-all" } },
      talk: silent,
    });
    const recorded = await record({ subject, workload, target: target.text, signal, talk: silent });
    expect(recorded.result.problems).toEqual([]);
    expect(recorded.recording).toMatchObject({ complete: true, lost: { strings: 0 } });
    recordings.push(recorded.recording);
  }
  return { workload, profile: derive(recordings, { name }).profile };
}

/**
 * What a shell that breaks out of a program tries, as raw calls by Perl (which the images hold): each prints its name and
 * the error it met, or "done". Numbers are those of x86_64.
 */
const ATTACKS = `
use strict; $| = 1; print "begin\\n";
my $s = "/tmp\\0" . ("\\0" x 128); # what takes a string or a structure gets this one
my %try = (
  mount => sub { syscall(165, $s, $s, $s, 0, 0) }, umount2 => sub { syscall(166, $s, 2) },
  unshare => sub { syscall(272, 0x10000000) }, setns => sub { syscall(308, 0, 0) }, pivot_root => sub { syscall(155, $s, $s) },
  ptrace => sub { syscall(101, 16, 1, 0, 0) }, process_vm_readv => sub { syscall(310, 1, 0, 0, 0, 0, 0) },
  keyctl => sub { syscall(250, 0, -3, 1) }, add_key => sub { syscall(248, $s, $s, $s, 1, -3) }, bpf => sub { syscall(321, 5, 0, 0) },
  init_module => sub { syscall(175, 0, 0, $s) }, finit_module => sub { syscall(313, 0, $s, 0) }, kexec_load => sub { syscall(246, 0, 0, 0, 0) },
  perf_event_open => sub { syscall(298, 0, 0, -1, -1, 0) }, userfaultfd => sub { syscall(323, 0) }, io_uring_setup => sub { syscall(425, 1, 0) },
  open_by_handle_at => sub { syscall(304, -1, 0, 0) }, reboot => sub { syscall(169, 0, 0, 0, 0) }, swapon => sub { syscall(167, $s, 0) },
  packet_socket => sub { syscall(41, 17, 3, 0) }, alg_socket => sub { syscall(41, 38, 5, 0) }, vsock_socket => sub { syscall(41, 40, 1, 0) },
  alg_socket_high_bits => sub { syscall(41, 38 + (1 << 32), 5, 0) },
  clone_newuser => sub { syscall(56, 0x10000000 | 17, 0, 0, 0, 0) }, clone3 => sub { syscall(435, 0, 88) },
  tiocsti => sub { syscall(16, 0, 0x5412, $s) }, tiocsti_high_bits => sub { syscall(16, 0, 0x5412 + (1 << 32), $s) },
  sethostname => sub { syscall(170, $s, 1) }, settimeofday => sub { syscall(164, 0, 0) }, acct => sub { syscall(163, 0) },
  mknod => sub { syscall(133, $s, 0x61b0, 0x800) }, zz_chroot => sub { syscall(161, $s) },
  write_etc => sub { open(my $f, ">", "/etc/passwd.new") ? 0 : -1 }, write_usr => sub { open(my $f, ">", "/usr/bin/x") ? 0 : -1 },
  write_sysrq => sub { open(my $f, ">", "/proc/sysrq-trigger") ? 0 : -1 },
);
for my $name (sort keys %try) {
  $! = 0; my $r = $try{$name}->(); my $errno = $! + 0;
  if (defined $r && $r == 0 && $name =~ /^clone_/) { print "escaped $name\\n"; exit 0 }
  print "$name ", (defined $r && $r == -1 ? "refused $errno" : "done"), "\\n";
}
print "end\\n";
`;

async function attack(fitted: Fitted, name: string, engine: EngineName): Promise<Map<string, string>> {
  const target = await resolveTarget(`docker:cinch-example-${name}`, {
    cwd: repository,
    command: ["perl", "-e", ATTACKS],
  });
  await using subject = await prepareSubject(target, {
    engine,
    engineArgs: ["--entrypoint", ""],
    confinement: { container: dockerConfinement(forPerl(fitted.profile)) },
    talk: silent,
  });
  const running = await subject.start();
  await running.wait();
  const lines = running
    .output()
    .split("\n")
    .map((line) => line.trim());
  expect(lines).toContain("begin");
  expect(lines).toContain("end");
  return new Map(
    lines
      .filter((line) => / (refused|done)/.test(line))
      .map((line) => line.split(/ (.*)/) as [string, string]),
  );
}

/** Perl itself makes a few calls that the servers do not: none of them is among the attacks. */
function forPerl(profile: Profile): Profile {
  const needs = [
    "ioctl",
    "lseek",
    "readlink",
    "dup",
    "fcntl",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "sysinfo",
    "rt_sigaction",
    "brk",
  ];
  const has = new Set(
    profile.syscalls.allow.map((grant) => (typeof grant === "string" ? grant : grant.name)),
  );
  const more = needs
    .filter((name) => !has.has(name))
    .map((name) =>
      name === "ioctl" ? { name, args: [[{ index: 1 as const, op: "ne" as const, value: 0x5412 }]] } : name,
    );
  return { ...profile, syscalls: { allow: [...profile.syscalls.allow, ...more] } };
}

tier("engine")("the promises of a profile", () => {
  const fitted = new Map<string, Fitted>();
  beforeAll(async () => {
    fitted.set("redis", await fit("redis"));
    fitted.set("nginx", await fit("nginx"));
  });

  test("redis needs no capability; nginx exactly CHOWN, SETGID and SETUID", () => {
    expect(fitted.get("redis")!.profile.capabilities).toEqual([]);
    expect(fitted.get("nginx")!.profile.capabilities).toEqual(["CAP_CHOWN", "CAP_SETGID", "CAP_SETUID"]);
  });

  describe.for(["redis", "nginx"] as const)("%s", (name) => {
    // Docker gives a container a network in which every port may be bound; a bundle shares the machine's.
    beforeAll(() => writeFileSync(PORTS, "0"));
    afterAll(() => writeFileSync(PORTS, ports));

    test.for([
      ["docker", true],
      ["docker", false],
      ["runc", true],
      ["runc", false],
    ] as const)(
      `holds ${RUNS} of ${RUNS} times on %s, no-new-privileges %s`,
      async ([engine, noNewPrivileges]) => {
        const { workload, profile } = fitted.get(name)!;
        const target = await resolveTarget(`docker:cinch-example-${name}`, { cwd: repository });
        const verdict = await verifyProfile({
          profile: { ...profile, noNewPrivileges },
          target,
          engine,
          engineArgs: [],
          local: false,
          workload,
          runs: RUNS,
          signal,
          talk: silent,
        });
        expect(verdict).toMatchObject({ outcome: "held", passed: RUNS, denials: [] });
      },
    );

    test.for(["docker", "runc"] as const)(
      "refuses what a shell breaking out tries, on %s",
      async (engine) => {
        const outcomes = await attack(fitted.get(name)!, name, engine);
        expect([...outcomes].filter(([, outcome]) => !outcome.startsWith("refused"))).toEqual([]);
        expect(outcomes.size).toBeGreaterThan(30);
      },
    );
  });

  test("the same attempts get through where there is no profile", async () => {
    const target = await resolveTarget("docker:cinch-example-nginx", {
      cwd: repository,
      command: ["perl", "-e", ATTACKS],
    });
    await using subject = await prepareSubject(target, {
      engine: "docker",
      engineArgs: ["--entrypoint", ""],
      confinement: { container: { seccomp: "allow-all" } },
      talk: silent,
    });
    const running = await subject.start();
    await running.wait();
    for (const name of ["keyctl", "packet_socket", "write_etc", "zz_chroot"])
      expect(running.output()).toContain(`${name} done`);
  });
});
