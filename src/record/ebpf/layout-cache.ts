import { createHash } from "node:crypto";
import { mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, release, version } from "node:os";
import { join } from "node:path";
import { NotSupportedError, messageOf, readBounded } from "../../base/index.ts";
import { Btf } from "../../bpf/index.ts";
import { type Layout, readLayout } from "./layout.ts";

const BTF = "/sys/kernel/btf/vmlinux";
/** To be raised when `Layout` changes its form. */
const FORM = 1;
const MAX_CACHE_BYTES = 64 * 1024;

/**
 * The layout of the running kernel. Reading its 5 MB of BTF takes half the time that attaching does, so the few offsets
 * that come of it are kept under XDG_CACHE_HOME, for this build of the kernel alone: named by its build id
 * (/sys/kernel/notes). A cache that cannot be read or written only costs the time. `fresh`: read the BTF in any case.
 */
export function kernelLayout(arch: "x86_64" | "aarch64", fresh = false): Layout {
  const file = cacheFile(arch);
  if (!fresh && file !== undefined) {
    const kept = readCache(file);
    if (kept !== undefined) return kept;
  }
  const layout = readLayout(readBtf(), arch);
  if (file !== undefined) writeCache(file, layout);
  return layout;
}

function readBtf(): Btf {
  try {
    return new Btf(readBounded(BTF));
  } catch (cause) {
    throw new NotSupportedError("btf", `cannot read the kernel's BTF: ${messageOf(cause)}`, {
      cause,
      hint: "recording by eBPF needs a kernel with CONFIG_DEBUG_INFO_BTF",
    });
  }
}

function cacheFile(arch: string): string | undefined {
  try {
    const kernel = createHash("sha256")
      .update(readBounded("/sys/kernel/notes", MAX_CACHE_BYTES))
      .update(`${arch} ${release()} ${version()} ${statSync(BTF).size} ${FORM}`)
      .digest("hex");
    return join(
      process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"),
      "cinch",
      `layout-${kernel.slice(0, 24)}.json`,
    );
  } catch {
    return undefined;
  }
}

function readCache(file: string): Layout | undefined {
  try {
    // Somebody else's file would put offsets of their choice into programs that run as root.
    const { uid, mode } = statSync(file);
    if (uid !== process.getuid?.() || (mode & 0o022) !== 0) return undefined;
    return JSON.parse(readBounded(file, MAX_CACHE_BYTES).toString("utf8")) as Layout;
  } catch {
    return undefined;
  }
}

function writeCache(file: string, layout: Layout): void {
  const half = `${file}.${process.pid}`;
  try {
    mkdirSync(join(file, ".."), { recursive: true, mode: 0o700 });
    writeFileSync(half, JSON.stringify(layout), { mode: 0o600 });
    renameSync(half, file);
  } catch {
    rmSync(half, { force: true });
  }
}
