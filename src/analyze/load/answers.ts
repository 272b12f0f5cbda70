import { createHash } from "node:crypto";
import { join } from "node:path";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import { readBounded } from "../../base/index.ts";
import type { FileTree, TreeEntry } from "../../image/index.ts";
import type { Analysis } from "../../profile/index.ts";
import { codeStamp } from "./stamp.ts";
import { writeWhole } from "./write.ts";

/** An analysis of a large image with all it asked for. */
const MAX_ANSWER_BYTES = 1 << 28;

/** Questions to a tree, with what identifies each answer. */
type Questions = Record<string, string>;

interface Answer {
  questions: Questions;
  analysis: Analysis;
}

/**
 * Whole analyses on disk, each with everything that was asked of the tree for it. One is given again only if the tree
 * still answers all of that the same, contents included: whatever changes in between is noticed.
 */
export class AnswerCache {
  #folder: string;

  /** `base`: the program's own cache folder. */
  constructor(base: string) {
    this.#folder = join(base, "analyses", codeStamp());
  }

  /**
   * The kept analysis for a description of what is asked for; undefined where there is none that still holds. Without a
   * tree: what is described never changes, as an image that its digest names.
   */
  read(asked: unknown, tree?: FileTree): Analysis | undefined {
    try {
      const bytes = brotliDecompressSync(readBounded(this.#path(asked), MAX_ANSWER_BYTES), {
        maxOutputLength: MAX_ANSWER_BYTES,
      });
      const { questions, analysis } = JSON.parse(bytes.toString("utf8")) as Answer;
      const asksNothing = Object.keys(questions).length === 0;
      const holds = ([question, answer]: [string, string]): boolean =>
        tree !== undefined && answerTo(tree, question) === answer;
      return asksNothing || Object.entries(questions).every(holds) ? analysis : undefined;
    } catch {
      return undefined;
    }
  }

  write(asked: unknown, questions: Questions, analysis: Analysis): void {
    const answer: Answer = { questions, analysis };
    const bytes = brotliCompressSync(Buffer.from(JSON.stringify(answer)), {
      params: { [constants.BROTLI_PARAM_QUALITY]: 3 },
    });
    writeWhole(this.#path(asked), bytes);
  }

  #path(asked: unknown): string {
    return join(this.#folder, createHash("sha256").update(JSON.stringify(asked)).digest("hex"));
  }
}

/** A tree that notes what it is asked. */
export class WatchedTree implements FileTree {
  readonly name: string;
  readonly questions: Questions = {};
  #tree: FileTree;

  constructor(tree: FileTree) {
    this.#tree = tree;
    this.name = tree.name;
  }

  lookup(path: string): TreeEntry | undefined {
    const entry = this.#tree.lookup(path);
    this.questions[`lookup ${path}`] = describe(entry);
    return entry;
  }

  resolve(path: string): TreeEntry | undefined {
    const entry = this.#tree.resolve(path);
    this.questions[`resolve ${path}`] = describe(entry);
    return entry;
  }

  list(path: string): string[] {
    const names = this.#tree.list(path);
    this.questions[`list ${path}`] = digest(names.join("\0"));
    return names;
  }

  read(path: string, limit?: number): Uint8Array | undefined {
    const bytes = this.#tree.read(path, limit);
    this.questions[`read ${path}`] = bytes === undefined ? "none" : digest(bytes);
    return bytes;
  }

  walk(): Iterable<TreeEntry> {
    throw new Error("an analysis does not walk a tree: it could not be told what it depends on");
  }

  [Symbol.dispose](): void {
    this.#tree[Symbol.dispose]();
  }
}

function answerTo(tree: FileTree, question: string): string {
  const at = question.indexOf(" ");
  const path = question.slice(at + 1);
  switch (question.slice(0, at)) {
    case "lookup":
      return describe(tree.lookup(path));
    case "resolve":
      return describe(tree.resolve(path));
    case "list":
      return digest(tree.list(path).join("\0"));
    default: {
      const bytes = tree.read(path);
      return bytes === undefined ? "none" : digest(bytes);
    }
  }
}

function describe(entry: TreeEntry | undefined): string {
  return entry === undefined
    ? "none"
    : `${entry.path} ${entry.kind} ${entry.mode} ${entry.size} ${entry.target ?? ""}`;
}

function digest(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("base64");
}
