#!/bin/sh
# One-time set-up of a checkout: what package-lock.json names, and which Node runs it. Safe to start twice at once.
set -u
cd "$(dirname "$0")/.." || exit 2

stamp=node_modules/.cinch-setup
is_done() { [ -e "$stamp" ] && ! [ package-lock.json -nt "$stamp" ]; }
is_done && exit 0

fail() {
  echo "cinch: $1" >&2
  [ -z "${2:-}" ] || echo "  hint: $2" >&2
  exit "${3:-2}"
}
command -v npm > /dev/null || fail "set-up needs npm, which is not on PATH" "on Debian: apt-get install nodejs npm" 3
[ -w . ] || fail "set-up has to write node_modules into $PWD, which this user may not" \
  "run ./cinch once as $(stat -c %U .), or clone the repository into a folder of your own"

# One at a time; the lock of one that died is taken over.
lock=.cinch-setup-lock
tries=0
until mkdir "$lock" 2> /dev/null; do
  other=$(cat "$lock/pid" 2> /dev/null || echo)
  if [ -n "$other" ] && ! kill -0 "$other" 2> /dev/null; then
    rm -rf "$lock"
    continue
  fi
  tries=$((tries + 1))
  [ "$tries" -lt 600 ] || fail "another set-up holds $PWD/$lock for 10 minutes" "if none is running: rm -r '$PWD/$lock'"
  sleep 1
done
trap 'rm -rf "$lock"' EXIT
trap 'exit 130' INT TERM HUP
echo $$ > "$lock/pid"
is_done && exit 0

echo "cinch: setting up, once (npm ci, into $PWD/node_modules)" >&2
log=$(mktemp)
# The npm of Debian's Node 20 warns that some tools want a newer Node: that one is what is being installed.
if ! npm ci --no-audit --no-fund --loglevel=error > "$log" 2>&1; then
  cat "$log" >&2
  rm -f "$log"
  fail "npm ci failed (above)" "is the npm registry within reach?  npm ping"
fi
rm -f "$log"

fits() {
  "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a >= 26 || (a === 24 && b >= 15) ? 0 : 1)' \
    2> /dev/null
}
node=$(command -v node || echo)
case $node in
  "" | */node_modules/*) node= ;;
esac
if [ -z "$node" ] || ! fits "$node"; then
  node=$PWD/node_modules/node/bin/node
  fits "$node" || fail "npm brought no Node that runs here ($node)" "install Node 24.15 or newer and start again" 3
fi
printf '%s\n' "$node" > "$stamp.new" && mv "$stamp.new" "$stamp"
echo "cinch: set up, with $("$node" --version) from $node" >&2
