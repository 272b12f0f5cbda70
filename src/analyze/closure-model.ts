/** A program that can come to run in a target, found from its entrypoint without running anything. */
export interface ReachedProgram {
  /** The real path in the tree. */
  path: string;
  /** "script": its interpreter is a program of its own in the list. */
  kind: "elf" | "script";
  /** How it comes to run, from the entrypoint on. */
  reason: string[];
  /** The words it is started with, where all are known; the program itself first. */
  argv?: string[];
}

/** What is reached by exec, and what could not be told. */
export interface ExecClosure {
  programs: ReachedProgram[];
  /** Commands whose program is made at run time ("$CMD"), files that are missing, scripts in languages that are not read. */
  unresolved: { where: string; reason: string }[];
}

/** A module that a program loads by name while it runs. */
export interface ExtraModule {
  path: string;
  via: "dlopen" | "nss";
  /** "nginx.conf: load_module modules/ngx_http_js_module.so". */
  reason: string;
  /** false: it may be loaded, but the configuration there is does not name it. */
  isConfigured?: boolean;
}
