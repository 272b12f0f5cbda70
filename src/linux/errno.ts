import { constantName, constantValue } from "./constants.ts";

/** The name of an error number ("ENOENT"); "errno 999" for one without (asm-generic/errno.h; the same on x86 and arm64). */
export function errnoName(nr: number): string {
  return KERNEL_ONLY[nr] ?? constantName("errno", nr) ?? `errno ${nr}`;
}

/** The number of an error; also of the second names EWOULDBLOCK and EDEADLOCK, and of those errnoName makes up. */
export function errnoNumber(name: string): number | undefined {
  const digits = /^errno (\d{1,9})$/.exec(name);
  if (digits) return Number(digits[1]);
  const kernelOnly = Object.entries(KERNEL_ONLY).find(([, known]) => known === name);
  return kernelOnly ? Number(kernelOnly[0]) : constantValue("errno", name);
}

/**
 * Never seen by a program but by a tracer at the end of a call that a signal interrupted (include/linux/errno.h), which
 * is then started again or ends with EINTR.
 */
const KERNEL_ONLY: Record<number, string> = {
  512: "ERESTARTSYS",
  513: "ERESTARTNOINTR",
  514: "ERESTARTNOHAND",
  516: "ERESTART_RESTARTBLOCK",
};
