"""What libseccomp makes of profiles in the OCI form, loaded the way runc and crun do it (Debian: python3-seccomp).

Reads {"profiles": [...], "names": [...]} from standard input; writes {"filters": [...], "tables": {...}}: for each
profile the filter in base64, or the reason why libseccomp refused it; for each architecture the numbers of the named
calls.
"""
import base64
import json
import sys
import tempfile

import seccomp

OPS = {
    "SCMP_CMP_EQ": seccomp.EQ,
    "SCMP_CMP_NE": seccomp.NE,
    "SCMP_CMP_LT": seccomp.LT,
    "SCMP_CMP_LE": seccomp.LE,
    "SCMP_CMP_GT": seccomp.GT,
    "SCMP_CMP_GE": seccomp.GE,
    "SCMP_CMP_MASKED_EQ": seccomp.MASKED_EQ,
}
ARCHES = {
    "SCMP_ARCH_X86_64": seccomp.Arch.X86_64,
    "SCMP_ARCH_X86": seccomp.Arch.X86,
    "SCMP_ARCH_X32": seccomp.Arch.X32,
    "SCMP_ARCH_AARCH64": seccomp.Arch.AARCH64,
}


def action(name, errno):
    if name == "SCMP_ACT_ERRNO":
        return seccomp.ERRNO(1 if errno is None else errno)
    return {"SCMP_ACT_ALLOW": seccomp.ALLOW, "SCMP_ACT_LOG": seccomp.LOG, "SCMP_ACT_KILL": seccomp.KILL}[name]


def compile(oci):
    default = action(oci["defaultAction"], oci.get("defaultErrnoRet"))
    f = seccomp.SyscallFilter(default)
    for name in oci.get("architectures", []):
        if name in ARCHES and not f.exist_arch(ARCHES[name]):
            f.add_arch(ARCHES[name])
    for rule in oci["syscalls"]:
        act = action(rule["action"], rule.get("errnoRet"))
        if act == default:
            continue
        args = [
            seccomp.Arg(a["index"], OPS[a["op"]], a["value"], a.get("valueTwo", 0)) for a in rule.get("args", [])
        ]
        repeats = len({a["index"] for a in rule.get("args", [])}) < len(args)
        for name in rule["names"]:
            if seccomp.resolve_syscall(seccomp.Arch(), name) == -1:
                continue
            if repeats:
                for arg in args:
                    f.add_rule(act, name, arg)
            else:
                f.add_rule(act, name, *args)
    with tempfile.TemporaryFile() as out:
        f.export_bpf(out)
        out.seek(0)
        return base64.b64encode(out.read()).decode()


def number(arch, name):
    try:
        return seccomp.resolve_syscall(arch, name)
    except (RuntimeError, ValueError):
        return -1


def main():
    task = json.load(sys.stdin)
    filters = []
    for oci in task["profiles"]:
        try:
            filters.append({"filter": compile(oci)})
        except (RuntimeError, ValueError) as error:
            filters.append({"refused": str(error)})
    tables = {arch: {name: number(ARCHES[arch], name) for name in task["names"]} for arch in ARCHES}
    json.dump({"filters": filters, "tables": tables}, sys.stdout)


main()
