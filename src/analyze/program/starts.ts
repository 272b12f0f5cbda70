import type { Possibility } from "../../profile/index.ts";
import type { Module } from "../link/module.ts";
import type { Resolved, Resolver } from "../resolve/resolver.ts";
import { OPENERS, STARTERS } from "./names.ts";
import type { LinkedProgram } from "./program.ts";
import { isOpen, outsideCallers, reachedExports, textsOf } from "./callees.ts";

/** A program that code names to start it. */
export interface Started {
  /** path: as given to execve. name: looked up in PATH. shell: a text for /bin/sh. */
  is: "path" | "name" | "shell";
  text: string;
  /** "nginx:ngx_execute_proc". */
  where: string;
}

/** PROT_EXEC (mman.h). */
const PROT_EXEC = 4;
const MAPPERS: Readonly<Record<string, number>> = { mmap: 2, mmap64: 2, mprotect: 2, pkey_mprotect: 2 };

/**
 * What a program starts and loads, as far as its code says it in words; the rest is a possibility. What libraries of the
 * system do for themselves inside (the loader's mmap, system()'s /bin/sh) is not looked at here.
 */
export function startedPrograms(
  program: LinkedProgram,
  resolver: Resolver,
): { starts: Started[]; open: Possibility[] } {
  const starts = new Map<string, Started>();
  const open = new Map<string, Possibility>();
  const each = (
    name: string,
    argument: number,
    take: (from: Module, site: number, found: Resolved) => void,
  ): void => {
    for (const { module, address } of reachedExports(program.reach, name)) {
      for (const source of outsideCallers(resolver, module, address)) {
        if (source.module === program.loader) continue;
        const register = source.module.machine.functionArguments[argument]!;
        take(source.module, source.address, resolver.valuesAt(source.module, source.address, { register }));
      }
    }
  };
  const possible = (kind: Possibility["kind"], module: Module, detail: string): void => {
    open.set(`${kind}:${module.path}:${detail}`, { kind, module: module.name, detail });
  };
  for (const [name, { argument, is }] of Object.entries(STARTERS))
    each(name, argument, (module, site, found) => {
      const where = `${module.name}:${module.nameAt(site)}`;
      for (const text of textsOf(found)) starts.set(`${is}:${text}`, { is, text, where });
      if (is === "shell") starts.set("path:/bin/sh", { is: "path", text: "/bin/sh", where });
      if (isOpen(found))
        possible(
          "exec",
          module,
          `${module.nameAt(site)} starts a program by ${name}, by a name made at run time`,
        );
    });
  for (const [name, argument] of Object.entries(OPENERS))
    each(name, argument, (module, site, found) => {
      if (isOpen(found))
        possible(
          "dlopen",
          module,
          `${module.nameAt(site)} loads a module by ${name}, by a name made at run time`,
        );
    });
  for (const [name, argument] of Object.entries(MAPPERS))
    each(name, argument, (module, site, { constants, open: unknown }) => {
      if ([...constants].some((value) => value & PROT_EXEC))
        possible("jit", module, `${module.nameAt(site)} makes memory executable by ${name}`);
      else if (unknown.length > 0)
        possible("jit", module, `${module.nameAt(site)} may make memory executable by ${name}`);
    });
  return { starts: [...starts.values()], open: [...open.values()] };
}
