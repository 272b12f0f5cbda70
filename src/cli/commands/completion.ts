import { CinchError } from "../../base/index.ts";
import type { CinchContext } from "../context.ts";
import type { CompletionFlags } from "../tree.ts";

// Each asks `cinch __complete` and falls back to file names. The cursor's word is passed even when it is empty.
const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `# cinch completion for bash
_cinch() {
  local word=\${COMP_WORDS[COMP_CWORD]} line
  COMPREPLY=()
  while IFS=$'\\t' read -r line _; do
    [[ $line == "$word"* ]] && COMPREPLY+=("$line")
  done < <(cinch __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -o bashdefault -F _cinch cinch
`,
  zsh: `#compdef cinch
# cinch completion for zsh
_cinch() {
  local -a proposals
  local line
  while IFS= read -r line; do
    proposals+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done < <(cinch __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#proposals} )); then
    _describe -V cinch proposals
  else
    _files
  fi
}
if [ "$funcstack[1]" = "_cinch" ]; then _cinch "$@"; else compdef _cinch cinch; fi
`,
  fish: `# cinch completion for fish
function __cinch_complete
    set -l words (commandline -opc) (commandline -ct)
    cinch __complete $words[2..-1] 2>/dev/null
end
complete -c cinch -a '(__cinch_complete)'
`,
};

export default async function completion(
  this: CinchContext,
  _flags: CompletionFlags,
  shell: string,
): Promise<void> {
  const script = SCRIPTS[shell];
  if (script === undefined) {
    throw new CinchError("unknown-shell", `there is no completion for '${shell}'`, {
      hint: `the shells are ${Object.keys(SCRIPTS).join(", ")}`,
    });
  }
  this.process.stdout.write(script);
}
