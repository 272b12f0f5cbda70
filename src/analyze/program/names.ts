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

/** glibc's functions that convert between character sets: what they need is loaded from the gconv folder. */
export const CONVERTERS: readonly string[] = ["iconv_open", "__gconv_open"];

/**
 * Calls that the vDSO answers itself and falls back on (kernel, lib/vdso/gettimeofday.c, getrandom.c), by the name under
 * which a C library looks them up; `users`: the C library's own functions that go there.
 */
export const VDSO: readonly { symbols: readonly string[]; call: string; users: readonly string[] }[] = [
  {
    symbols: ["__vdso_clock_gettime", "__kernel_clock_gettime"],
    call: "clock_gettime",
    users: ["clock_gettime", "time", "timespec_get", "clock", "ftime"],
  },
  {
    symbols: ["__vdso_gettimeofday", "__kernel_gettimeofday"],
    call: "gettimeofday",
    users: ["gettimeofday"],
  },
  {
    symbols: ["__vdso_clock_getres", "__kernel_clock_getres"],
    call: "clock_getres",
    users: ["clock_getres"],
  },
  {
    symbols: ["__vdso_getrandom", "__kernel_getrandom"],
    call: "getrandom",
    users: ["getrandom", "arc4random"],
  },
];
