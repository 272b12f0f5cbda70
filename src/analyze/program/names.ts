/** Functions of C libraries that start other programs: where the program's name or the shell's text is. */
export const STARTERS: Readonly<Record<string, { argument: number; is: "path" | "name" | "shell" }>> = {
  execve: { argument: 0, is: "path" },
  execv: { argument: 0, is: "path" },
  execle: { argument: 0, is: "path" },
  execl: { argument: 0, is: "path" },
  execvp: { argument: 0, is: "name" },
  execvpe: { argument: 0, is: "name" },
  execlp: { argument: 0, is: "name" },
  posix_spawn: { argument: 1, is: "path" },
  posix_spawnp: { argument: 1, is: "name" },
  system: { argument: 0, is: "shell" },
  popen: { argument: 0, is: "shell" },
};

/** Functions that load a module by name: where the name is. */
export const OPENERS: Readonly<Record<string, number>> = {
  dlopen: 0,
  dlmopen: 1,
  __libc_dlopen_mode: 0,
};

/** Functions that look a symbol up by name. */
export const FINDERS: readonly string[] = ["dlsym", "dlvsym", "__libc_dlsym", "g_module_symbol", "lt_dlsym"];

/** glibc's functions that ask the name services: what they look up is loaded by nsswitch.conf. */
export const NAME_SERVICE =
  /^(get|f?get|set|end)?(pw|gr|sp|sg)(ent|nam|uid|gid)(_r)?$|^getgrouplist$|^initgroups$|^get(host|net|proto|serv|rpc|netgr|alias)(ent|by\w+)(_r)?$|^getaddrinfo$|^getnameinfo$|^innetgr$|^ether_(hostton|ntohost)$|^getpublickey$|^getsecretkey$/;

/** glibc's functions that convert between character sets: what they need is loaded from the gconv folder. */
export const CONVERTERS: readonly string[] = ["iconv_open", "__gconv_open"];

/** Calls that the vDSO answers itself and falls back on (kernel, lib/vdso/gettimeofday.c, getrandom.c; arch/x86/entry/vdso). */
export const VDSO: Readonly<Record<string, string>> = {
  __vdso_clock_gettime: "clock_gettime",
  __vdso_gettimeofday: "gettimeofday",
  __vdso_time: "time",
  __vdso_getcpu: "getcpu",
  __vdso_clock_getres: "clock_getres",
  __vdso_getrandom: "getrandom",
  __kernel_clock_gettime: "clock_gettime",
  __kernel_gettimeofday: "gettimeofday",
  __kernel_clock_getres: "clock_getres",
  __kernel_getrandom: "getrandom",
};
