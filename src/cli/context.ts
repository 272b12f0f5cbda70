import type { CommandContext } from "@stricli/core";

/** What cinch needs of an output stream; `process.stdout` is one, so is a test's array of strings. */
export interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** What every command is given besides its arguments: the outside world, in a form that a test can make. */
export interface CinchContext extends CommandContext {
  readonly process: {
    readonly stdout: OutputStream;
    readonly stderr: OutputStream;
    readonly env: Readonly<Record<string, string | undefined>>;
    exitCode?: number | string | null;
  };
  readonly cwd: string;
  /** What stands after `--`; undefined where there is none. */
  readonly command: readonly string[] | undefined;
  readonly interrupt: Interrupt;
  /** What the command ends with when it has not failed: 0, 1 (found something), or a program's own exit code. */
  outcome: number;
}

/** Thrown where work ended because the user said so. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/**
 * Ctrl-C and the signals that ask to end. A recording of a server ends by the first one, and that is no failure: it
 * says so by `accept`, after which the next one counts afresh.
 */
export class Interrupt {
  #controller = new AbortController();
  #handler: ((name: string) => void) | undefined;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  raise(name: string): void {
    if (this.#handler !== undefined) this.#handler(name);
    else this.#controller.abort(new Interrupted(`interrupted by ${name}`));
  }

  /** From now on signals are passed to `handler`, which hands them to the program that runs in our place. */
  takeOver(handler: (name: string) => void): void {
    this.#handler = handler;
  }

  accept(): void {
    if (this.#controller.signal.aborted) this.#controller = new AbortController();
  }
}
