import {
  type ApplicationText,
  ArgumentScannerError,
  formatMessageForArgumentScannerError,
} from "@stricli/core";
import { CinchError, messageOf } from "../base/index.ts";
import { formatFailure } from "./failure.ts";

/** How a command line that cannot be understood is answered. */
export const usageText: Pick<
  ApplicationText,
  "noCommandRegisteredForInput" | "exceptionWhileParsingArguments"
> = {
  noCommandRegisteredForInput: ({ input, corrections }) =>
    formatFailure(
      new CinchError("no-command", `there is no command '${input}'`, {
        hint: corrections.length === 0 ? "cinch --help" : `did you mean ${corrections.join(" or ")}?`,
      }),
    ),
  exceptionWhileParsingArguments: (error) => formatFailure(usageError(error)),
};

function usageError(error: unknown): CinchError {
  if (!(error instanceof ArgumentScannerError)) return new CinchError("usage", messageOf(error));
  let hint = "add --help to see what the command takes";
  const message = formatMessageForArgumentScannerError(error, {
    FlagNotFoundError: ({ input, corrections }) => {
      if (corrections.length > 0)
        hint = `did you mean ${corrections.map((flag) => `--${flag}`).join(" or ")}?`;
      return `there is no option --${input} here`;
    },
    AliasNotFoundError: ({ input }) => `there is no option -${input} here`,
    ArgumentParseError: ({ externalFlagNameOrPlaceholder: what, exception }) => {
      if (exception instanceof CinchError && exception.hint !== undefined) hint = exception.hint;
      return `${/^[a-z]/.test(what) ? `--${what}` : what}: ${messageOf(exception)}`;
    },
    EnumValidationError: ({ externalFlagName, input, values }) => {
      hint = `it takes ${values.join(", ")}`;
      return `--${externalFlagName} does not take '${input}'`;
    },
    UnsatisfiedFlagError: ({ externalFlagName }) => `--${externalFlagName} wants a value`,
    UnexpectedFlagError: ({ externalFlagName, previousInput, input }) =>
      `--${externalFlagName} can be given once, and is both '${previousInput}' and '${input}'`,
    UnexpectedPositionalError: ({ expectedCount, input }) => {
      hint = "the target's own command line goes after --";
      return `'${input}' is one argument too many (expected ${expectedCount})`;
    },
    UnsatisfiedPositionalError: ({ placeholder }) => `${placeholder} is missing`,
    InvalidNegatedFlagSyntaxError: ({ externalFlagName }) => `--${externalFlagName} takes no value`,
  });
  return new CinchError("usage", message, { hint });
}
