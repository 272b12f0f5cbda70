#!/bin/sh
# Builds the examples' images from Debian packages (mmdebstrap: no registry, no base image) and loads them into Docker.
#
#   examples/build-images.sh                     redis, nginx, wordpress, mariadb
#   examples/build-images.sh redis               one of them
#   examples/build-images.sh --engine podman …   into Podman instead
#   examples/build-images.sh --archive …         only builds; prints where the image archives are
#
# A recipe is a NAME.image.sh: `packages`, `config` (as the OCI image specification has it), and, where packages are not
# enough, `customize ROOT`. What was built is kept in ~/.cache/cinch/images, by the checksum of its recipe.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/cinch/images
engine=docker
archive_only=
# Raised when build() makes something else of the same recipe.
format=1

fail() {
  echo "build-images: $1" >&2
  exit "${2:-2}"
}

while [ $# -gt 0 ]; do
  case $1 in
    --engine) engine=$2 && shift 2 ;;
    --archive) archive_only=1 && shift ;;
    -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | grep -v '^set' && exit 0 ;;
    -*) fail "unknown option $1" ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || set -- redis nginx wordpress mariadb

# The machine's own package sources, of its release: mirrors and keys are as its administrator chose them.
release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
[ -n "$release" ] || fail "the release in /etc/os-release has no name: is this Debian?" 3
sources=$(grep -lsE "(^|[[:space:]])$release([[:space:]]|$)" \
  /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources || :)

recipe_of() {
  for recipe in "$here"/*/"$1.image.sh" "$here/../test/images/$1.image.sh"; do
    if [ -e "$recipe" ]; then
      echo "$recipe"
      return
    fi
  done
  fail "no recipe $1.image.sh; there are: $(cd "$here" && ls */*.image.sh ../test/images/*.image.sh 2> /dev/null |
    sed 's!.*/!!; s!\.image\.sh$!!' | tr '\n' ' ')"
}

# Image archive of `docker save` form: layer.tar, config.json, manifest.json.
build() ( # NAME RECIPE ARCHIVE
  command -v mmdebstrap > /dev/null || fail "mmdebstrap is missing; on Debian: apt-get install mmdebstrap" 3
  variant=essential
  customize() { :; }
  . "$2"
  # shellcheck disable=SC2154
  echo "build-images: $1 from $packages" >&2
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/.$1.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM HUP
  # The hook reads the recipe again: mmdebstrap may be in a user namespace of its own.
  cat > "$work/customize" << EOF
#!/bin/sh
set -eu
customize() { :; }
. '$2'
customize "\$1"
rm -rf "\$1"/usr/share/doc/* "\$1"/usr/share/man/* "\$1"/usr/share/locale/* "\$1"/var/cache/apt/* "\$1"/var/lib/apt/lists/*
rm -f "\$1"/etc/hostname "\$1"/etc/resolv.conf
EOF
  chmod 755 "$work" "$work/customize"
  stage=customize
  # Nothing is configured where packages are only unpacked, so that stage is never reached.
  [ "$variant" != extract ] || stage=extract
  # shellcheck disable=SC2086
  SOURCE_DATE_EPOCH=1700000000 mmdebstrap --quiet --variant=$variant --include="$(echo $packages | tr ' ' ',')" \
    --aptopt='APT::Install-Recommends "false"' --$stage-hook="$work/customize" \
    "$release" "$work/layer.tar" $sources > "$work/log" 2>&1 < /dev/null || {
    tail -n 30 "$work/log" >&2
    fail "mmdebstrap could not build $1"
  }
  id=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
  case $(uname -m) in
    aarch64) architecture=arm64 ;;
    *) architecture=amd64 ;;
  esac
  # shellcheck disable=SC2154
  cat > "$work/config.json" << EOF
{ "architecture": "$architecture", "os": "linux", "created": "2023-11-14T22:13:20Z", "config": $config,
  "rootfs": { "type": "layers", "diff_ids": ["sha256:$id"] } }
EOF
  echo "[{ \"Config\": \"config.json\", \"RepoTags\": [\"cinch-example-$1:latest\"], \"Layers\": [\"layer.tar\"] }]" \
    > "$work/manifest.json"
  # Under its name only when it is whole.
  tar -C "$work" -cf "$work/image.tar" --owner=0 --group=0 --mtime=@1700000000 manifest.json config.json layer.tar &&
    mv "$work/image.tar" "$3" || fail "could not write $3"
)

for name in "$@"; do
  recipe=$(recipe_of "$name")
  key=$({ echo "$format" && cat "$recipe" /etc/os-release; } | sha256sum | cut -c1-16)
  archive=$cache/$name-$key.tar
  if [ ! -e "$archive" ]; then
    build "$name" "$recipe" "$archive" || exit $?
    # What former recipes built is of no use any more.
    find "$cache" -maxdepth 1 -name "$name-*.tar" ! -name "$name-$key.tar" -exec rm -f {} +
  fi
  if [ -n "$archive_only" ]; then
    echo "$archive"
  else
    "$engine" load --quiet --input "$archive"
  fi
done
