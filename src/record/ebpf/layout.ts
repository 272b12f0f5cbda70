import { NotSupportedError } from "../../base/index.ts";
import { type Btf, KIND } from "../../bpf/index.ts";

/** Where the tracer finds things in this kernel: byte offsets that become immediates of its programs. */
export interface Layout {
  /** BTF ids of the typedefs btf_trace_NAME; cap_capable is there from Linux 6.13. */
  tracepoints: {
    sysEnter: number;
    sysExit: number;
    exec: number;
    fork: number;
    capable: number | undefined;
  };
  task: {
    tgid: number;
    nsproxy: number;
    files: number;
    fs: number;
    mm: number;
    cred: number;
    realCred: number;
    cgroups: number;
    /** x86: thread_info.status, whose bit TS_COMPAT tells a 32-bit call. */
    status: number | undefined;
  };
  nsproxyMnt: number;
  mntInum: number;
  /** The six argument registers, by calling convention; `nr` keeps the call's number to the end. */
  registers: { native: number[]; i386: number[] | undefined; nr: number };
  filesTable: number;
  tableFd: number;
  tableMax: number;
  file: { dentry: number; mnt: number; inode: number; mode: number; data: number };
  inodeMode: number;
  /** struct dentry: d_parent and d_name.name lie close together and are read in one go. */
  dentry: { parent: number; name: number };
  mount: { parent: number; mountpoint: number; mnt: number };
  mntRoot: number;
  fs: { pwd: number; root: number };
  path: { dentry: number; mnt: number };
  binprm: { file: number; filename: number };
  mmExe: number;
  cred: { uid: number; gid: number; euid: number; egid: number; permitted: number };
  cgroup: { subsys: number; fromState: number; node: number; name: number };
  socket: { sk: number; type: number };
  sock: { family: number; num: number; protocol: number };
}

/** Reads the layout from the kernel's BTF. Throws NotSupportedError naming the first thing that is missing. */
export function readLayout(btf: Btf, arch: "x86_64" | "aarch64"): Layout {
  const at = (structure: string, member: string): number => {
    const found = btf.member(structure, member);
    if (found === undefined) {
      throw new NotSupportedError("btf-layout", `this kernel's BTF has no member ${structure}.${member}`, {
        hint: "record without eBPF: as a user other than root, with --engine local",
      });
    }
    return found.offset;
  };
  const tracepoint = (name: string): number => {
    const id = btf.find(KIND.typedef, `btf_trace_${name}`);
    if (id === undefined) {
      throw new NotSupportedError("tp_btf", `this kernel's BTF has no tracepoint ${name}`, {
        hint: "recording by eBPF needs CONFIG_FTRACE_SYSCALLS and CONFIG_DEBUG_INFO_BTF",
      });
    }
    return id;
  };
  const x86 = arch === "x86_64";
  const regs = (names: string[]): number[] => names.map((name) => at("pt_regs", name));
  const arm = x86 ? 0 : at("pt_regs", "regs");
  return {
    tracepoints: {
      sysEnter: tracepoint("sys_enter"),
      sysExit: tracepoint("sys_exit"),
      exec: tracepoint("sched_process_exec"),
      fork: tracepoint("sched_process_fork"),
      capable: btf.find(KIND.typedef, "btf_trace_cap_capable"),
    },
    task: {
      tgid: at("task_struct", "tgid"),
      nsproxy: at("task_struct", "nsproxy"),
      files: at("task_struct", "files"),
      fs: at("task_struct", "fs"),
      mm: at("task_struct", "mm"),
      cred: at("task_struct", "cred"),
      realCred: at("task_struct", "real_cred"),
      cgroups: at("task_struct", "cgroups"),
      status: x86 ? at("task_struct", "thread_info.status") : undefined,
    },
    nsproxyMnt: at("nsproxy", "mnt_ns"),
    mntInum: at("mnt_namespace", "ns.inum"),
    registers: {
      // arm64 puts the result into regs[0]; orig_x0 keeps the first argument.
      native: x86
        ? regs(["di", "si", "dx", "r10", "r8", "r9"])
        : [at("pt_regs", "orig_x0"), arm + 8, arm + 16, arm + 24, arm + 32, arm + 40],
      i386: x86 ? regs(["bx", "cx", "dx", "si", "di", "bp"]) : undefined,
      nr: x86 ? at("pt_regs", "orig_ax") : at("pt_regs", "syscallno"),
    },
    filesTable: at("files_struct", "fdt"),
    tableFd: at("fdtable", "fd"),
    tableMax: at("fdtable", "max_fds"),
    file: {
      dentry: at("file", "f_path.dentry"),
      mnt: at("file", "f_path.mnt"),
      inode: at("file", "f_inode"),
      mode: at("file", "f_mode"),
      data: at("file", "private_data"),
    },
    inodeMode: at("inode", "i_mode"),
    dentry: { parent: at("dentry", "d_parent"), name: at("dentry", "d_name.name") },
    mount: {
      parent: at("mount", "mnt_parent"),
      mountpoint: at("mount", "mnt_mountpoint"),
      mnt: at("mount", "mnt"),
    },
    mntRoot: at("vfsmount", "mnt_root"),
    fs: { pwd: at("fs_struct", "pwd"), root: at("fs_struct", "root") },
    path: { dentry: at("path", "dentry"), mnt: at("path", "mnt") },
    binprm: { file: at("linux_binprm", "file"), filename: at("linux_binprm", "filename") },
    mmExe: at("mm_struct", "exe_file"),
    cred: {
      uid: at("cred", "uid"),
      gid: at("cred", "gid"),
      euid: at("cred", "euid"),
      egid: at("cred", "egid"),
      permitted: at("cred", "cap_permitted"),
    },
    cgroup: {
      subsys: at("css_set", "subsys"),
      fromState: at("cgroup_subsys_state", "cgroup"),
      node: at("cgroup", "kn"),
      name: at("kernfs_node", "name"),
    },
    socket: { sk: at("socket", "sk"), type: at("socket", "type") },
    sock: {
      family: at("sock", "__sk_common.skc_family"),
      num: at("sock", "__sk_common.skc_num"),
      protocol: at("sock", "sk_protocol"),
    },
  };
}
