/** Calls that start programs, in Python, Perl, Ruby, PHP, JavaScript, Lua and Tcl. */
const STARTS =
  /subprocess|Popen|popen|\bsystem\b|check_(call|output)|getoutput|\bexec\w*|\bspawn\w*|posix_spawn|child_process|\bfork\b|\bqx\b|proc_open|passthru|shell_exec|Open3|run_command/;
/** Lines after such a call on which its arguments may stand. */
const LINES_AFTER = 4;
const MAX_LINES = 50_000;
/** A longer line is made by a machine: generated code has no commands that are worth guessing at. */
const MAX_LINE = 4096;

/**
 * The texts in quotes where a script that is no shell script seems to start programs: what is written out alone, so
 * never all that it could start. Pure, bounded.
 */
export function startedLiterals(script: string): { text: string; line: number }[] {
  const found: { text: string; line: number }[] = [];
  let until = -1;
  for (const [i, line] of script.split("\n", MAX_LINES).entries()) {
    if (line.length > MAX_LINE) continue;
    if (STARTS.test(line)) until = i + LINES_AFTER;
    for (const match of line.matchAll(/"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|`((?:\\.|[^`\\])*)`/g)) {
      const text = match[1] ?? match[2] ?? match[3] ?? "";
      // Backticks run what is in them in Perl, Ruby and PHP.
      if (text !== "" && (i <= until || match[3] !== undefined)) found.push({ text, line: i + 1 });
    }
  }
  return found;
}
