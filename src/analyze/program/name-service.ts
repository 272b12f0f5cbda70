import type { Module } from "../link/module.ts";
import type { Reach } from "../link/reach.ts";

/**
 * The databases of the name service (nsswitch.conf(5)): which functions of the C library ask one, and which functions of
 * a provider are asked then. A front end looks a provider's function up by its own name ("getpwnam_r" for passwd), so the
 * functions for a database that nothing asks are not called, though all stand in one table (glibc, nss/nss_module.c).
 */
const DATABASES: readonly { name: string; front: RegExp; back: RegExp }[] = [
  { name: "passwd", front: /^(get|set|end)pw/, back: /^(get|set|end)pw/ },
  {
    name: "group",
    front: /^((get|set|end)gr|initgroups$|getgrouplist$)/,
    back: /^((get|set|end)gr|initgroups)/,
  },
  { name: "shadow", front: /^(get|set|end)sp/, back: /^(get|set|end)sp/ },
  { name: "gshadow", front: /^(get|set|end)sg/, back: /^(get|set|end)sg/ },
  {
    name: "hosts",
    front: /^((get|set|end)host(by|ent)|getaddrinfo$|getnameinfo$)/,
    back: /^((get|set|end)host(by|ent)|getcanonname)/,
  },
  { name: "networks", front: /^((get|set|end)net(by|ent)|getnameinfo$)/, back: /^(get|set|end)net(by|ent)/ },
  { name: "services", front: /^((get|set|end)serv|getaddrinfo$|getnameinfo$)/, back: /^(get|set|end)serv/ },
  { name: "protocols", front: /^(get|set|end)proto|getaddrinfo$/, back: /^(get|set|end)proto/ },
  { name: "rpc", front: /^(get|set|end)rpc/, back: /^(get|set|end)rpc/ },
  {
    name: "ethers",
    front: /^(ether_|(get|set|end)ether)/,
    back: /^(get|set|end)?(ether|hostton|ntohost|gethostton|getntohost)/,
  },
  { name: "aliases", front: /^(get|set|end)alias/, back: /^(get|set|end)alias/ },
  { name: "netgroup", front: /^((get|set|end)netgr|innetgr$)/, back: /^(get|set|end)netgr/ },
  {
    name: "publickey",
    front: /^get(public|secret)key|^(host2netname|netname2)/,
    back: /^(get(public|secret)key|netname2)/,
  },
];

/** A provider's function: _nss_files_getpwnam_r. */
const PROVIDER = /^_nss_[a-z0-9]+_(.+)$/;

const fronts = new WeakMap<Module, Map<string, number[]>>();

/** Which databases of the name service a program asks, as far as it is followed. */
export class NameService {
  #reach: Reach;
  #asked = new Set<string>();
  #databaseOf = new Map<string, string | undefined>();

  constructor(reach: Reach) {
    this.#reach = reach;
  }

  get isUsed(): boolean {
    return this.#asked.size > 0;
  }

  /** Whether the function is a provider's for a database that nothing asks. */
  isIdle(module: Module, index: number): boolean {
    const names = module.exportedAt(module.code.starts[index]!);
    return names.length > 0 && names.every((name) => this.#isIdle(name));
  }

  #isIdle(name: string): boolean {
    const provided = PROVIDER.exec(name)?.[1];
    if (provided === undefined) return false;
    let database = this.#databaseOf.get(name);
    if (database === undefined && !this.#databaseOf.has(name)) {
      database = DATABASES.find(({ back }) => back.test(provided))?.name;
      this.#databaseOf.set(name, database);
    }
    return database !== undefined && !this.#asked.has(database);
  }

  /** Looks which databases are asked now; true if that are more than before. */
  update(): boolean {
    const before = this.#asked.size;
    for (const module of this.#reach.modules) {
      if (module.exported("getpwnam").length === 0) continue;
      for (const [name, starts] of frontsOf(module))
        if (!this.#asked.has(name) && starts.some((index) => this.#reach.isReached(module, index)))
          this.#asked.add(name);
    }
    return this.#asked.size > before;
  }
}

/** Of a C library, by database: the functions that ask it. */
function frontsOf(module: Module): Map<string, number[]> {
  let known = fronts.get(module);
  if (known === undefined) {
    fronts.set(module, (known = new Map<string, number[]>()));
    for (const name of module.exportNames)
      for (const { name: database, front } of DATABASES) {
        if (!front.test(name)) continue;
        const indices = known.get(database) ?? [];
        for (const { address } of module.exported(name)) {
          const index = module.isCode(address) ? module.functionAt(address) : -1;
          if (index >= 0) indices.push(index);
        }
        known.set(database, indices);
      }
  }
  return known;
}
