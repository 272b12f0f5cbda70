#!/bin/sh
# One-time set-up of a checkout: what package-lock.json names, and which Node runs it. `./cinch` and `npm test` start
# it; starting it twice, or two at once, does no harm. Plain sh: no Node is known to be here yet.
set -u
cd "$(dirname "$0")/.." || exit 2

fail() { # MESSAGE [HINT [EXIT CODE]]
  echo "cinch: $1" >&2
  [ -z "${2:-}" ] || echo "  hint: $2" >&2
  exit "${3:-2}"
}

stamp=node_modules/.cinch-setup
is_done() { [ -e "$stamp" ] && ! [ package-lock.json -nt "$stamp" ]; }
is_done && exit 0
made_from="$(cksum < package-lock.json) $(uname -sm)" || fail "package-lock.json cannot be read in $PWD"

# A lock file that is newer but the same (another checkout of the same commit, a copied folder) asks for nothing.
is_same() { [ -e "$stamp" ] && [ "$(sed -n 2p "$stamp")" = "$made_from" ]; }
if is_same; then
  touch "$stamp" 2> /dev/null
  exit 0
fi

command -v npm > /dev/null || fail "set-up needs npm, which is not on PATH" "on Debian: apt-get install nodejs npm" 3
[ -w . ] && { [ ! -e node_modules ] || [ -w node_modules ]; } ||
  fail "set-up has to write node_modules into $PWD, which user $(id -un) may not" \
    "run ./cinch there once as $(stat -c %U . 2> /dev/null || echo 'its owner'), or clone into a folder of your own"

# One at a time. The lock is the kernel's: it goes with its holder, however that ends.
if command -v flock > /dev/null; then
  exec 9< package-lock.json
  if ! flock -n 9; then
    echo "cinch: waiting for another set-up of $PWD" >&2
    flock 9
  fi
  is_done && exit 0
fi

# The Node of a former set-up must not run the npm that replaces it.
PATH=$(printf '%s' "$PATH" | tr : '\n' | grep -v '/node_modules/' | paste -s -d : -)
export PATH

work=$(mktemp -d) || fail "no folder for temporary files" "is ${TMPDIR:-/tmp} writable?"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
# npm wants to write its cache: into the home folder, unless there is none (services, containers).
if [ -z "${npm_config_cache:-}" ] && [ ! -w "${HOME:-/nonexistent}" ]; then
  export npm_config_cache="$work/cache"
fi

echo "cinch: setting up, once: npm ci into $PWD/node_modules" >&2
# loglevel: npm on Node 20 warns that some tools want a newer Node, and a newer Node is what is being installed.
install() { npm ci --include=dev --no-audit --no-fund --loglevel=error < /dev/null > "$work/log" 2>&1; }
if ! install; then
  # Registries have bad minutes.
  sleep 3
  if ! install; then
    tail -n 40 "$work/log" >&2
    fail "npm ci failed (above)" "is the npm registry within reach?  npm ping"
  fi
fi

is_new_enough() {
  "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a >= 26 || (a === 24 && b >= 15) ? 0 : 1)' \
    > /dev/null 2>&1
}
node=$(command -v node || :)
if [ -z "$node" ] || ! is_new_enough "$node"; then
  node=node_modules/node/bin/node
  # npm package `node` fetches the binary by an install script; some npm configurations do not run those.
  [ -x "$node" ] || (cd node_modules/node && node installArchSpecificPackage.js) < /dev/null > "$work/log" 2>&1
  is_new_enough "$node" || {
    cat "$work/log" >&2
    fail "npm brought no Node that runs here ($PWD/$node)" "install Node 24.15 or newer and start again" 3
  }
  [ -e node_modules/.bin/node ] || ln -s ../node/bin/node node_modules/.bin/node
fi
case $node in
  /*) chosen=$node ;;
  *) chosen=- ;;
esac
printf '%s\n%s\n' "$chosen" "$made_from" > "$stamp.new" && mv "$stamp.new" "$stamp" || fail "cannot write $PWD/$stamp"
echo "cinch: set up, with Node $("$node" --version)" >&2
