# setup SECTION...: what building and testing need: Debian packages by section of packages.txt, the locked Node, npm
# packages. Does nothing, in a fraction of a second, where all is there. Sourced by ./dev.

# The locked Node comes first: whatever Node the machine has only fetches it.
export PATH="$ROOT/tools/node/node_modules/.bin:$PATH"

packages_of() {
  awk -v want=" $* " '/^\[/ { on = index(want, " " substr($0, 2, length($0) - 2) " ") } /^[a-z]/ && on' packages.txt
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; return; fi
  command -v sudo >/dev/null || die "Packages are missing and this is neither root nor a user with sudo. As root: $*"
  if [ -t 0 ]; then sudo "$@"; else sudo -n "$@"; fi
}

# keep_services_off mask|unmask PACKAGE...: tests start servers themselves, on ports of their own. Debian's packages
# would start them at once and at every boot, on ports that are ours or somebody's (Prometheus: 9090, nginx: 80).
keep_services_off() {
  local what=$1 package service
  shift
  [ -d /run/systemd/system ] || return 0
  for package in "$@"; do
    case $package in
      prometheus) service=prometheus.service ;;
      nginx-light) service=nginx.service ;;
      redis-server | redis-sentinel) service=$package.service ;;
      postgresql-15) service=postgresql.service ;;
      *) continue ;;
    esac
    as_root systemctl --quiet "$what" "$service" || true
    [ "$what" = mask ] || as_root systemctl --quiet disable "$service" || true
  done
}

debian_packages() {
  local package wanted=() missing=()
  mapfile -t wanted < <(packages_of "$@")
  declare -A installed=()
  while read -r package; do installed[${package%%:*}]=1; done < <(
    dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null | sed -n 's/^installed //p')
  for package in "${wanted[@]}"; do
    # An npm from elsewhere does, and Debian's package would conflict with its Node.
    [ "$package" = npm ] && command -v npm >/dev/null && continue
    [ -n "${installed[$package]:-}" ] || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return 0

  local ID="" VERSION_ID="" PRETTY_NAME="an unknown system"
  [ -r /etc/os-release ] && . /etc/os-release
  if [ "$ID" != debian ] || [ "$VERSION_ID" != 12 ]; then
    die "gatecast is built on Debian 12 (bookworm); this is $PRETTY_NAME. Its packages are needed: ${missing[*]}"
  fi
  printf 'installing %d Debian packages\n' ${#missing[@]}
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
  local log code=0
  log=$(mktemp)
  keep_services_off mask "${missing[@]}"
  if ! { as_root "${apt[@]}" update && as_root "${apt[@]}" install -y --no-install-recommends "${missing[@]}"; } \
    >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    code=1
  fi
  rm -f "$log"
  keep_services_off unmask "${missing[@]}"
  [ $code = 0 ] || die "apt-get failed; its last lines are above."
}

# npm_packages FOLDER: as its lock file says; again only when that changed.
npm_packages() {
  local stamp=$1/node_modules/.gatecast-lock lock
  lock=$(sha256sum <"$1/package-lock.json")
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$lock" ] && return 0
  printf 'fetching npm packages of %s\n' "$1"
  (cd "$1" && npm ci --loglevel=error) || die "npm ci failed in $1."
  printf '%s\n' "$lock" >"$stamp"
}

node_packages() {
  [ "$(uname -m)" = x86_64 ] || die "The locked Node is built for x86_64; this machine is $(uname -m)."
  npm_packages tools/node
  npm_packages web
}

setup() {
  local section
  for section in "$@"; do
    case $section in
      build | test | web) ;;
      *) die "setup: sections are build, test, web" ;;
    esac
  done
  debian_packages "$@"
  case " $* " in *" web "*) node_packages ;; esac
  # The clients that tests use come by the same Node, so both sections are needed for them.
  if [[ " $* " == *" test "* && " $* " == *" web "* ]]; then
    npm_packages sdk
    npm_packages tests
    npm_packages examples/creator-platform
    npm_packages examples/telegram-mini-app
  fi
}

# Writes the lock files. npm leaves out where packages come from (.npmrc); finish_lock.mjs does the rest.
cmd_lock() {
  setup web
  local folder
  for folder in tools/node web sdk tests bench/peers examples/creator-platform examples/telegram-mini-app; do
    (cd "$folder" && npm install --package-lock-only --loglevel=error)
    node tools/dev/finish_lock.mjs "$folder/package-lock.json"
  done
}
