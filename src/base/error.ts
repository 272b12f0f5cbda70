/**
 * What every failure of cinch carries: what failed (`message`: expected against found), `hint` (the next thing to
 * try, a command where there is one) and the exit code a command ends with.
 */
export class CinchError extends Error {
  override readonly name: string = "CinchError";
  /** Stable, kebab-case; the same failure has the same code in every release. */
  readonly code: string;
  readonly hint: string | undefined;
  /** 2: usage or failure; 3: cannot run here (the message names what is missing). */
  readonly exitCode: 2 | 3;

  constructor(
    code: string,
    message: string,
    options: { hint?: string; cause?: unknown; exitCode?: 2 | 3 } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? 2;
  }
}

/** This machine lacks something: kernel feature, privilege, daemon. Ends a command with exit code 3. */
export class NotSupportedError extends CinchError {
  override readonly name = "NotSupportedError";
  readonly feature: string;

  constructor(feature: string, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super("not-supported", message, { ...options, exitCode: 3 });
    this.feature = feature;
  }
}

/** The text of anything thrown, for a sentence of our own. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
