import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, it } from "vitest";

// The house rules that a linter does not know (CONTRIBUTING.md). Each finding names its file and the rule.

const root = join(import.meta.dirname, "../..");

/** Which rooms a room may import, besides `base`. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  base: [],
  linux: [],
  profile: ["linux"],
  bpf: ["linux"],
  kernel: ["bpf", "linux"],
  elf: [],
  image: [],
  workload: ["image", "kernel", "linux"],
  record: ["kernel", "bpf", "linux", "profile", "image", "workload"],
  analyze: ["elf", "linux", "profile", "image"],
  emit: ["profile", "linux", "bpf"],
  verify: ["emit", "record", "profile", "image", "workload", "kernel", "bpf", "linux"],
  cli: [
    "linux",
    "profile",
    "bpf",
    "kernel",
    "elf",
    "image",
    "workload",
    "record",
    "analyze",
    "emit",
    "verify",
  ],
};

/** Rooms of values in, values out: they may not ask the host for anything. */
const PURE = ["linux", "profile", "elf", "bpf", "emit"];
const HOST_MODULES = /^node:(?:fs|fs\/promises|child_process|net|http|https|dgram|os|worker_threads)$/;

interface Import {
  file: string;
  line: number;
  /** As written. */
  specifier: string;
  /** Relative to the repository, of imports that name a path. */
  path: string | undefined;
}

interface Source {
  file: string;
  room: string;
  isTest: boolean;
  text: string;
  imports: Import[];
}

const sources: Source[] = globSync("src/**/*.{ts,js}", { cwd: root })
  .toSorted()
  .map((file) => {
    const text = readFileSync(join(root, file), "utf8");
    return {
      file,
      room: file.split("/")[1]!,
      isTest: file.endsWith(".test.ts") || file.includes("/testdata/"),
      text,
      imports: [...importsOf(file, text)],
    };
  });

/** Static, dynamic and re-exporting imports with a literal specifier. */
function* importsOf(file: string, text: string): Generator<Import> {
  const pattern = /^[ \t]*(?:import|export)\b[^"';]*?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/gm;
  for (const match of text.matchAll(pattern)) {
    const specifier = (match[1] ?? match[2])!;
    if (match[1] !== undefined && !/\bfrom\b|^\s*import\s*["']/.test(match[0])) continue;
    yield {
      file,
      line: text.slice(0, match.index).split("\n").length,
      specifier,
      path: specifier.startsWith(".") ? normalize(join(dirname(file), specifier)) : undefined,
    };
  }
}

const roomOf = (path: string): string | undefined => /^src\/([^/]+)\//.exec(path)?.[1];
const at = ({ file, line, specifier }: Import): string => `${file}:${line} imports ${specifier}`;
const everyImport = sources.flatMap((source) => source.imports.map((found) => ({ source, found })));

/** Names every finding, where a list of them would be cut short. */
function expectNone(findings: string[]): void {
  expect(findings.join("\n")).toBe("");
}

it("reads the sources", () => {
  expect(sources.length).toBeGreaterThan(20);
  expect(everyImport.length).toBeGreaterThan(100);
  const sample = `import { a } from "./a.ts";\nexport {\n  b,\n} from '../b/index.ts';\nimport "./c.ts";\nconst d = await import("../d/x.ts");\nconst text = "export";`;
  expect([...importsOf("src/room/file.ts", sample)].map(({ path, line }) => [path, line])).toEqual([
    ["src/room/a.ts", 1],
    ["src/b/index.ts", 2],
    ["src/room/c.ts", 5],
    ["src/d/x.ts", 6],
  ]);
});

it("knows every room", () => {
  expect(Object.keys(MAY_IMPORT)).toEqual(
    expect.arrayContaining([...new Set(sources.map(({ room }) => room))]),
  );
});

it("rooms import only what stands below them", () => {
  const findings = everyImport.flatMap(({ source, found }) => {
    const room = found.path === undefined ? undefined : roomOf(found.path);
    if (room === undefined || room === source.room || room === "base") return [];
    // A test may compare with any room, as long as it does not reach up into a face.
    if (source.isTest && room !== "cli") return [];
    return MAY_IMPORT[source.room]!.includes(room)
      ? []
      : [`${at(found)}: ${source.room} may not import ${room}`];
  });
  expectNone(findings);
});

it("a room is entered by its door, index.ts", () => {
  const findings = everyImport.flatMap(({ source, found }) => {
    const room = found.path === undefined ? undefined : roomOf(found.path);
    if (room === undefined || room === source.room || source.isTest) return [];
    const isDoor = found.path === `src/${room}/index.ts` || isSecondDoor(found.path!);
    return isDoor ? [] : [`${at(found)}: past the door of ${room}`];
  });
  expectNone(findings);
});

/** A part of a room that is useful by itself has a door of its own: src/bpf/classic/index.ts. */
function isSecondDoor(path: string): boolean {
  return /^src\/[^/]+\/[^/]+\/index\.ts$/.test(path);
}

it("sources import sources, nothing beside them", () => {
  const outside = everyImport.flatMap(({ source, found }) =>
    found.path !== undefined &&
    !found.path.startsWith("src/") &&
    !source.isTest &&
    !found.path.endsWith("package.json")
      ? [at(found)]
      : [],
  );
  expectNone(outside);
});

it("doors list names, so that what a room offers is read in one place", () => {
  const findings = sources.filter(({ file, text }) => file.endsWith("/index.ts") && /^export \*/m.test(text));
  expectNone(findings.map(({ file }) => file));
});

it("koffi is imported in src/kernel/libc.ts alone, and not when that is loaded", () => {
  const importers = everyImport.filter(
    ({ found }) => found.specifier === "koffi" || found.specifier.startsWith("koffi/"),
  );
  expect([...new Set(importers.map(({ found }) => found.file))]).toEqual(["src/kernel/libc.ts"]);
  const libc = sources.find(({ file }) => file === "src/kernel/libc.ts")!;
  expect(libc.text).not.toMatch(/^import (?!type\b).*["']koffi["']/m);
});

it("pure rooms ask the host for nothing", () => {
  const findings = everyImport.flatMap(({ source, found }) =>
    PURE.includes(source.room) && !source.isTest && HOST_MODULES.test(found.specifier) ? [at(found)] : [],
  );
  expectNone(findings);
  const asked = sources.filter(
    ({ room, isTest, text }) =>
      PURE.includes(room) &&
      !isTest &&
      /\bprocess\.(?:env|platform|arch|argv|cwd)\b|\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(/.test(text),
  );
  expectNone(asked.map(({ file }) => file));
});

it("files are read with a bound", () => {
  // readBounded is base's. The kernel bounds what it answers in /proc and /sys; our own package we know.
  const findings = sources.flatMap(({ file, room, isTest, text }) =>
    isTest || room === "base"
      ? []
      : lines(text).flatMap(({ number, line }) =>
          /\breadFile(?:Sync)?\(/.test(line) &&
          !/import\.meta\.url/.test(line) &&
          !/readFile(?:Sync)?\(\s*[`"'](?:\/proc|\/sys)\//.test(line)
            ? [`${file}:${number} ${line.trim()}`]
            : [],
        ),
  );
  expectNone(findings);
});

it("types are erasable, files are one concept, nothing is called utils", () => {
  const findings = sources.flatMap(({ file, text }) => {
    const count = text.split("\n").length;
    return [
      ...(/^\s*(?:export )?(?:const )?enum \w/m.test(text) ? [`${file}: enum`] : []),
      ...(/^\s*(?:export )?namespace \w/m.test(text) ? [`${file}: namespace`] : []),
      ...(/\/(?:utils?|misc|common)\.ts$/.test(file) ? [`${file}: says nothing about what it holds`] : []),
      ...(count > 500 && !file.endsWith(".gen.ts") ? [`${file}: ${count} lines`] : []),
    ];
  });
  expectNone(findings);
});

it("nothing is left for later", () => {
  const findings = sources.flatMap(({ file, text }) =>
    lines(text).flatMap(({ number, line }) =>
      /\b(?:TODO|FIXME|XXX)\b|\bnot yet implemented\b/.test(line) ? [`${file}:${number} ${line.trim()}`] : [],
    ),
  );
  expectNone(findings);
});

it("public functions behind a door say what they do", () => {
  const findings = sources.flatMap(({ file, text, isTest }) => {
    if (isTest || file.endsWith(".gen.ts")) return [];
    const all = text.split("\n");
    return all.flatMap((line, i) => {
      const name = /^export (?:async )?function\*? (\w+)/.exec(line)?.[1];
      if (name === undefined || !isOffered(file, name)) return [];
      return /\*\/\s*$/.test(all[i - 1] ?? "") ? [] : [`${file}:${i + 1} ${name} has no doc comment`];
    });
  });
  expectNone(findings);
});

/** Whether the room's door hands the function out. */
function isOffered(file: string, name: string): boolean {
  const folder = `src/${roomOf(file)}`;
  const door = sources.find((source) => source.file === `${folder}/index.ts`);
  const clauses = door?.text.matchAll(/^export (?:\{([^}]*)\}|\*) from "([^"]+)"/gm) ?? [];
  return [...clauses].some(
    ([, names, from]) =>
      join(folder, from!) === file && (names === undefined || new RegExp(`\\b${name}\\b`).test(names)),
  );
}

function lines(text: string): { number: number; line: string }[] {
  return text.split("\n").map((line, i) => ({ number: i + 1, line }));
}
