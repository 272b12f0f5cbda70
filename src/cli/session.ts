import { resolve } from "node:path";
import { CinchError } from "../base/index.ts";
import { writeFiles } from "./atomic.ts";
import type { CinchContext } from "./context.ts";
import { withSchema } from "./documents.ts";
import type { SharedFlags } from "./options.ts";
import { type Output, checkOutputs } from "./output.ts";
import { type Paint, paintFor, wantsColor } from "./paint.ts";
import { TerminalTalk } from "./talk.ts";

/** How a command speaks and writes: made from the options that all commands share. */
export class Session implements Disposable {
  readonly context: CinchContext;
  readonly talk: TerminalTalk;
  /** For the summary: it goes to standard output, or to standard error when that carries a document. */
  readonly paint: Paint;
  readonly outputs: readonly Output[];
  /** "linux/arm64": of an image that has several; undefined: this machine's. */
  readonly platform: string | undefined;
  readonly #timeout: AbortSignal | undefined;
  readonly #quiet: boolean;

  constructor(context: CinchContext, flags: SharedFlags, formats: readonly string[]) {
    const { stdout, stderr, env } = context.process;
    this.context = context;
    this.outputs = flags.output ?? [];
    this.platform = flags.platform;
    checkOutputs(this.outputs, formats, context.cwd);
    const color = flags.color ?? "auto";
    this.#quiet = flags.quiet ?? false;
    this.talk = new TerminalTalk(stderr, {
      paint: paintFor(wantsColor(stderr, color, env)),
      quiet: this.#quiet,
      verbose: flags.verbose ?? false,
      live: stderr.isTTY === true && env["TERM"] !== "dumb",
    });
    this.paint = paintFor(wantsColor(this.#takesStdout ? stderr : stdout, color, env));
    if (flags.timeout !== undefined) this.#timeout = timeoutSignal(flags.timeout);
  }

  /** Aborted by Ctrl-C, by the signals that ask to end, and by --timeout. */
  get signal(): AbortSignal {
    const { signal } = this.context.interrupt;
    return this.#timeout === undefined ? signal : AbortSignal.any([signal, this.#timeout]);
  }

  get timedOut(): boolean {
    return this.#timeout?.aborted ?? false;
  }

  get #takesStdout(): boolean {
    return this.outputs.some(({ file }) => file === undefined);
  }

  path(file: string): string {
    return resolve(this.context.cwd, file);
  }

  /**
   * Writes every asked-for document; `documents` gives the text of a format. Files first: if one cannot be written,
   * standard output has not claimed success.
   */
  write(documents: (format: string, file: string | undefined) => string): void {
    this.talk.end();
    const files = new Map<string, string>();
    let toStdout = "";
    for (const { format, file } of this.outputs) {
      const text = documents(format, file);
      if (file === undefined) toStdout = text;
      else files.set(this.path(file), text);
    }
    writeFiles(files);
    if (toStdout !== "") this.context.process.stdout.write(toStdout);
  }

  /** The readable summary: the command's main output unless a document took its place; with -q then left out. */
  summary(text: string): void {
    this.talk.end();
    const line = text.endsWith("\n") ? text : `${text}\n`;
    if (!this.#takesStdout) this.context.process.stdout.write(line);
    else if (!this.#quiet) this.context.process.stderr.write(line);
  }

  [Symbol.dispose](): void {
    this.talk[Symbol.dispose]();
  }
}

function timeoutSignal(ms: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => {
    controller.abort(
      new CinchError("timed-out", `not done within ${ms / 1000} s`, { hint: "raise --timeout" }),
    );
  }, ms).unref();
  return controller.signal;
}

/** A JSON document as it is written: with the address of its schema, indented, with a line's end. */
export function jsonText(document: { $schema?: string; kind: string }): string {
  return `${JSON.stringify(withSchema(document), null, 2)}\n`;
}
