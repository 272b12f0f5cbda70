/**
 * The documents that travel between the steps: plain JSON values, versioned, each with a published schema
 * (`schemas/`, made from `schema.ts`). Types only: reading a document from outside goes through `schema.ts`.
 */

/** What seccomp calls an architecture. A profile lists the native one first, then the compatible ones in use. */
export type ArchName = "x86_64" | "i386" | "x32" | "aarch64";

/** How a call was made: by the machine's own convention, or by one of x86's two others. */
export type Abi = "native" | "i386" | "x32";

/** `runtime`: the container runtime between filter and program; `app`: the program; `exec`: docker exec, health checks. */
export type PhaseName = "runtime" | "app" | "exec";

export interface Note {
  /** Stable, kebab-case: "io-uring", "start-missed", "hot-list". */
  code: string;
  text: string;
}

/**
 * The values seen of the arguments that decide what a call may do. `values` is sorted, each row in the order of
 * `names`. Not `closed`: more values were used than were kept, so no filter may be made of them.
 */
export interface ArgValues {
  names: string[];
  values: number[][];
  closed: boolean;
}

export interface RecordedSyscall {
  name: string;
  nr: number;
  count?: number;
  /** Names of the errors it returned ("ENOENT"), sorted. */
  errnos: string[];
  args?: ArgValues;
  /** Let through unseen (a hot call of the notification recorder), so counted as used. */
  assumed?: boolean;
}

export interface RecordedPhase {
  name: PhaseName;
  abi: Abi;
  /** Which `exec`: its command line. */
  label?: string;
  syscalls: RecordedSyscall[];
}

export interface RecordedCapability {
  name: string;
  /** The kernel said yes. A refused one was asked for, which is a hint, not a need. */
  granted: boolean;
  /** The calls during which it was asked for. */
  syscalls: string[];
}

export const FILE_ACCESS = [
  "read",
  "write",
  "execute",
  "create",
  "delete",
  "rename",
  "stat",
  "readlink",
  "chmod",
  "chown",
  "link",
  "mount",
] as const;
export type FileAccess = (typeof FILE_ACCESS)[number];

export interface RecordedFile {
  /** The real path as seen from the root of the target (not the host), normalised. */
  path: string;
  /** Sorted. */
  access: FileAccess[];
  /** false: the call failed (its errors in `errnos`); kept apart from what succeeded. */
  ok: boolean;
  errnos?: string[];
  /** "directory" where the recorder knows it. */
  type?: "file" | "directory" | "device" | "fifo" | "socket";
}

export type SocketOp = "create" | "bind" | "connect" | "listen" | "accept" | "send";

export interface RecordedSocket {
  /** "AF_INET", "AF_UNIX"; "AF_99" for one without a name. */
  domain: string;
  /** "SOCK_STREAM" and so on, without the flags. */
  type: string;
  protocol: number;
  op: SocketOp;
  /** "127.0.0.1:6379", "[::]:80", "/run/x.sock", "@abstract"; "" where the call has none. */
  address: string;
}

export interface Recording {
  $schema?: string;
  schemaVersion: 1;
  kind: "recording";
  target: string;
  arch: ArchName;
  kernel: string;
  /** ISO 8601, UTC. In a merge: the earliest. */
  startedAt: string;
  seconds: number;
  /** false if anything was lost or cut short; the reason is in `lost` or `notes`. */
  complete: boolean;
  /** Kind of loss to count; kinds with nothing lost may be left out, except `strings`. */
  lost: { strings: number } & Record<string, number>;
  method: "ebpf" | "notify" | "import";
  /** Which runtime started the container ("runc 1.1.5"), "local" for a process of its own; several after a merge. */
  runtimes: string[];
  /** Whether no-new-privileges was set; it moves the point at which the runtime installs the filter. */
  noNewPrivileges?: boolean;
  /** The user the program started as, where known. */
  user?: { uid: number; gid: number };
  phases: RecordedPhase[];
  capabilities: RecordedCapability[];
  files: RecordedFile[];
  /** Real paths of what was executed, with the interpreters the kernel loaded for them. */
  executables: string[];
  sockets: RecordedSocket[];
  notes: Note[];
}

// ---- analysis ----------------------------------------------------------------------------------------------

/**
 * How the code that makes a call is reached, of the shortest path its weakest edge: `direct` by calls and jumps;
 * `address-taken` through a function pointer; `dlopen`, `nss` in a module that is loaded by name; `vdso`, `kernel` by
 * no code of the program (vDSO fallbacks, restart_syscall).
 */
export type ReachedVia = "direct" | "address-taken" | "dlopen" | "nss" | "vdso" | "kernel";

/** The values an argument can have at all places that make the call. Not `closed`: others are possible. */
export interface ReachableArgument {
  index: 0 | 1 | 2 | 3 | 4 | 5;
  name: string;
  /** Sorted. */
  values: number[];
  closed: boolean;
}

export interface AnalyzedSyscall {
  name: string;
  nr: number;
  /** The shortest path from a root, each "module:function": "nginx:main", "libc.so.6:fork". */
  path: string[];
  via: ReachedVia;
  /** Which executables can make it, sorted. */
  executables: string[];
  args?: ReachableArgument[];
}

export interface AnalyzedExecutable {
  /** The real path in the target. */
  path: string;
  /** "sha256:…" of its content. */
  digest: string;
  kind: "elf" | "go" | "script";
  /** How it comes to run, from the entrypoint on: ["ENTRYPOINT", "/docker-entrypoint.sh line 12: exec"]. */
  reason: string[];
  /** How many calls it can make. */
  syscalls: number;
}

export interface AnalyzedModule {
  path: string;
  /** Hexadecimal; "" for none. */
  buildId: string;
  digest: string;
  /** "executable", "needed by libssl.so.3", "nsswitch.conf: passwd: systemd". */
  reason: string;
  /** Functions it has, and how many of them can be reached. */
  functions: number;
  reachable: number;
}

/** A place that the analysis could not see through. Never dropped. */
export interface Unresolved {
  module: string;
  function: string;
  /** "0x1234" in the module; "" where the place is none in machine code. */
  address: string;
  reason: string;
}

/** What may add calls that are not in the set: code loaded by a name made at run time, code made at run time, any program. */
export interface Possibility {
  kind: "dlopen" | "exec" | "jit" | "foreign-abi";
  module: string;
  detail: string;
}

export interface AnalyzedCapability {
  name: string;
  /** The calls, with arguments where they matter, for which the kernel may ask for it. */
  syscalls: string[];
}

export interface Assumption {
  /** Kebab-case, as in --assume NAME. */
  name: string;
  effect: string;
  active: boolean;
  /** The calls that are not in the set because of it. Sorted. */
  removes: string[];
}

export interface Analysis {
  $schema?: string;
  schemaVersion: 1;
  kind: "analysis";
  target: string;
  arch: ArchName;
  /** strict: data is live by section. tight: by object. */
  mode: "strict" | "tight";
  executables: AnalyzedExecutable[];
  /** Sorted by path, each once. */
  modules: AnalyzedModule[];
  /** Sorted by number. */
  syscalls: AnalyzedSyscall[];
  /** An upper bound: most such calls need none with the arguments a program uses. */
  capabilities: AnalyzedCapability[];
  unresolved: Unresolved[];
  possibilities: Possibility[];
  assumptions: Assumption[];
  notes: Note[];
}

// ---- profile -----------------------------------------------------------------------------------------------

/**
 * A comparison of one argument; all of a rule's tests must hold. `eq` and `ne` look at the lower 32 bits, for that is
 * what the kernel takes of the arguments that are filtered: with all 64, garbage above would pass a `ne` or miss an
 * `eq`. `masked-eq` looks at what its mask says; the orderings compare all 64 bits, unsigned.
 */
export interface ArgTest {
  index: 0 | 1 | 2 | 3 | 4 | 5;
  op: "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "masked-eq";
  value: number;
  /** masked-eq only: (argument & mask) = value. */
  mask?: number;
}

/** A call allowed only where one of `args` holds (each a list of tests, all of which must hold). */
export interface SyscallGrant {
  name: string;
  args: ArgTest[][];
}

export interface Profile {
  $schema?: string;
  schemaVersion: 1;
  kind: "profile";
  name: string;
  target: string;
  /** Native first. */
  arch: ArchName[];
  /** Present where something is known to be missing, each reason a sentence. A complete profile has none. */
  incomplete?: string[];
  /** The executables whose code it was derived from, by path, so that a changed image is noticed. */
  analyzed?: { path: string; digest: string }[];
  syscalls: { allow: (string | SyscallGrant)[] };
  /** "CAP_CHOWN"; sorted by name. */
  capabilities: string[];
  filesystem: {
    root: "read-only" | "writable";
    /** Paths; a trailing slash stands for everything below. Globs are not used. */
    read: string[];
    write: string[];
    execute: string[];
    /** Directories that may be empty at each start (/tmp, /run). */
    tmpfs: string[];
  };
  network: {
    /** What may be created: "AF_INET SOCK_STREAM" pairs. */
    sockets: { domain: string; type: string }[];
    /** "tcp:6379", "udp:53", "unix:/run/x.sock". */
    listen: string[];
    connect: string[];
  };
  user: { uid?: number; gid?: number };
  noNewPrivileges: boolean;
  isolation: "namespace" | "sandbox" | "vm";
}

// ---- evidence ----------------------------------------------------------------------------------------------

/**
 * The name of a grant, the same in evidence, diff and explain: "syscall:openat", "capability:CAP_CHOWN",
 * "read:/etc/nginx/", "write:/var/log/nginx/", "execute:/usr/sbin/nginx", "tmpfs:/tmp/",
 * "socket:AF_INET SOCK_STREAM", "listen:tcp:80", "connect:tcp:5432", "arch:i386", "root:writable",
 * "new-privileges", "isolation:vm".
 */
export type GrantName = string;

export type Evidence =
  | {
      kind: "recorded";
      run: string;
      phase: PhaseName;
      abi?: Abi;
      count?: number;
      errnos?: string[];
      detail?: string;
    }
  | { kind: "assumed"; run: string; reason: string }
  | { kind: "equivalent"; of: string; reason: string }
  | { kind: "always"; reason: string }
  | { kind: "reachable"; path: string[]; via: string }
  | { kind: "declared"; by: string; reason: string };

export interface EvidenceFile {
  $schema?: string;
  schemaVersion: 1;
  kind: "evidence";
  /** "sha256:…" of the profile in its canonical JSON form. */
  profile: string;
  grants: { grant: GrantName; evidence: Evidence[] }[];
  /** What evidence spoke for but the profile does not grant, each with the reason. */
  leftOut: { grant: GrantName; reason: string; evidence: Evidence[] }[];
}

// ---- verdict -----------------------------------------------------------------------------------------------

export interface Denial {
  syscall?: string;
  capability?: string;
  path?: string;
  errno: string;
  executable: string;
  /** Arguments in hexadecimal, where known. */
  args?: string[];
  phase?: PhaseName;
  /** What to add to the profile to allow it, or what to do instead. */
  suggestion: string;
}

export interface Verdict {
  $schema?: string;
  schemaVersion: 1;
  kind: "verdict";
  profile: string;
  target: string;
  /** "docker", "podman", "runc", "crun", "local". */
  engine: string;
  outcome: "held" | "denied" | "inconclusive";
  runs: number;
  passed: number;
  denials: Denial[];
  /** Why inconclusive; what was not enforced; what differs from the plain run. */
  notes: Note[];
}
