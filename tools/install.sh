# shellcheck shell=bash
# Sourced by ./run. need WORD...: makes sure that each package is there; installs by name what is missing.
# A word is a Debian package, or command:package when any version of the command will do.

need() {
  local word missing=()
  for word in "$@"; do
    if [[ $word == *:* ]]; then
      command -v "${word%%:*}" >/dev/null || missing+=("${word#*:}")
    elif [ "$(dpkg-query -W -f '${db:Status-Status}' "$word" 2>/dev/null)" != installed ]; then
      missing+=("$word")
    fi
  done
  [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

install_packages() {
  local as_root=() apt=(apt-get -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300)
  command -v apt-get >/dev/null || die "this is not Debian; please install what these packages hold: $*"
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "packages are missing and neither root nor sudo is at hand; have somebody run:
  apt-get update && apt-get install $*"
    as_root=(sudo)
  fi
  say "installing: $*"
  [ ${#as_root[@]} -eq 0 ] || sudo -v  # asks for the password before the output is hidden
  quietly "package lists" "${as_root[@]}" "${apt[@]}" update
  quietly "installation" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "${apt[@]}" install "$@"
}

say() { printf '\033[1m%s\033[0m\n' "$*" | if [ -t 1 ]; then cat; else sed 's/\x1b\[[0-9]*m//g'; fi; }
die() { printf 'run: %s\n' "$*" >&2; exit 1; }

# quietly WHAT COMMAND...: hides the output, shows a sign of life, and shows the end of the output if COMMAND fails.
quietly() {
  local what=$1 log started=$SECONDS pid status=0
  shift
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  trap 'kill "$pid" 2>/dev/null; rm -f "$log"' EXIT
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    show_life "$what" $((SECONDS - started)) "$log"
  done
  wait "$pid" || status=$?
  [ ! -t 1 ] || printf '\r\033[K'
  if [ "$status" -ne 0 ]; then
    tail -n 40 "$log" >&2
    trap - EXIT
    rm -f "$log"
    die "$what failed (exit $status): the lines above say why"
  fi
  trap - EXIT
  rm -f "$log"
}

# On a terminal one line that is rewritten; elsewhere a line every 15 seconds.
show_life() {
  local last
  if [ -t 1 ]; then
    last=$(tail -n 1 "$3" | tr -d '\r' | cut -c 1-60)
    printf '\r\033[K  %s, %s s  %s' "$1" "$2" "$last"
  elif [ "$2" -gt 0 ] && [ $(($2 % 15)) -eq 0 ] && [ "$2" != "${shown_at-}" ]; then
    shown_at=$2
    printf '  %s, %s s  %s\n' "$1" "$2" "$(tail -n 1 "$3" | cut -c 1-80)"
  fi
}
