#!/bin/sh
# Makes this machine a node of Sam: fetches the agent from the bot, checks it, unpacks it beside the one before, and starts
# it. Safe to run again: what is there already is left as it is.
#
#   curl -fsS @SAM_URL@/api/agent/install-script | SAM_NODE=nd-... SAM_BOOTSTRAP_TOKEN=... sh
#
# SAM_NODE and SAM_BOOTSTRAP_TOKEN are needed the first time only. SAM_PREFIX: a folder that stands for /, for tests.
set -eu
umask 022

url=${SAM_URL:-@SAM_URL@}
prefix=${SAM_PREFIX:-}
home=$prefix/opt/sam
settings=$prefix/etc/sam/agent.env
network=$prefix/etc/sam/network.env
unit=$prefix/etc/systemd/system/sam-agent.service
tries=${SAM_TRIES:-6}

fail() {
  echo "sam: $1" >&2
  exit 1
}

# get ADDRESS FILE: goes on where FILE ends, if it is there.
get() {
  if command -v curl >/dev/null 2>&1; then
    curl -fsS --connect-timeout 10 --speed-limit 1 --speed-time 30 -C - -o "$2" "$1"
  elif command -v wget >/dev/null 2>&1; then
    wget -q -T 30 -t 1 -c -O "$2" "$1"
  else
    fail 'Neither curl nor wget is here, and one of them has to fetch the agent. Install curl and run this again.'
  fi
}

# patiently COMMAND...: again and again, with longer and longer waits.
patiently() {
  attempt=1
  until "$@"; do
    [ "$attempt" -lt "$tries" ] || return 1
    sleep "$((1 << attempt))"
    attempt=$((attempt + 1))
  done
}

fetch_version() {
  rm -f "$home/version.json"
  get "$url/api/agent/version" "$home/version.json"
}

is_right() {
  [ -f "$1" ] && printf '%s  %s\n' "$sha256" "$1" | sha256sum -c - >/dev/null 2>&1
}

fetch_archive() {
  is_right "$archive" && return 0
  get "$url/api/agent/download?os=linux&arch=$arch" "$archive" || {
    # What is longer than the file cannot be gone on with.
    [ "$(wc -c <"$archive" 2>/dev/null || echo 0)" -lt "$size" ] || rm -f "$archive"
    return 1
  }
  is_right "$archive" && return 0
  rm -f "$archive"
  return 1
}

write_settings() {
  [ -e "$settings" ] && return 0
  [ -n "${SAM_NODE:-}" ] && [ -n "${SAM_BOOTSTRAP_TOKEN:-}" ] ||
    fail 'This machine has no settings yet. Give SAM_NODE and SAM_BOOTSTRAP_TOKEN and run this again.'
  mkdir -p "$(dirname "$settings")"
  (
    umask 077
    printf 'SAM_URL=%s\nSAM_NODE=%s\nSAM_BOOTSTRAP_TOKEN=%s\nSAM_DIR=/var/lib/sam\n' \
      "$url" "$SAM_NODE" "$SAM_BOOTSTRAP_TOKEN" >"$settings.new"
  )
  mv "$settings.new" "$settings"
}

# How this script got out, and whom it trusted, goes on to the agent, to git and to sessions. A quote would need another.
write_network() {
  [ -e "$network" ] && return 0
  names='(https?|all|no)_proxy|(HTTPS?|ALL|NO)_PROXY|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|GIT_SSL_CAINFO'
  (
    umask 077
    env | grep -E "^($names)=[^\"'\\]+\$" >"$network.new" || true
  )
  if [ -s "$network.new" ]; then mv "$network.new" "$network"; else rm -f "$network.new"; fi
}

# The agent is root and starts people's processes: what they inherit must not stop them from working (no NoNewPrivileges, no
# read-only system, no closed devices), but nobody below it needs kernel modules, its log, the clock or the host's name. systemd
# starts it again whatever ends it, for ever; a process of theirs that takes all memory does not take the agent with it. And
# what people left running (a server, a tmux) goes on when the agent alone ends, or becomes its next version: KillMode. The agent
# has a control group beside those that it makes for them, which version 2 wants of whoever sets limits (systemd 254 and newer).
write_unit() {
  [ -e "$unit" ] && return 0
  mkdir -p "$(dirname "$unit")"
  cat >"$unit.new" <<'UNIT'
[Unit]
Description=Sam's agent
Wants=network-online.target
After=network-online.target sam-metadata.service
StartLimitIntervalSec=0

[Service]
EnvironmentFile=/etc/sam/agent.env
EnvironmentFile=-/etc/sam/network.env
ExecStart=/opt/sam/agent/sam-agent
StateDirectory=sam
StateDirectoryMode=0711
Restart=always
RestartSec=2
KillMode=process
OOMPolicy=continue
TasksMax=infinity
LimitNOFILE=1048576
Delegate=yes
DelegateSubgroup=agent
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectHostname=yes
CapabilityBoundingSet=~CAP_SYS_TIME CAP_WAKE_ALARM
RestrictRealtime=yes
LockPersonality=yes
# The agent has replaced itself.
SuccessExitStatus=75

[Install]
WantedBy=multi-user.target
UNIT
  mv "$unit.new" "$unit"
}

# Sessions go on beside another agent, but what is being prepared begins anew: one that is the right one goes on.
start() {
  [ -z "$prefix" ] || return 0
  [ "$before" != "agent-$version" ] || ! systemctl is-active --quiet sam-agent.service || return 0
  systemctl daemon-reload && systemctl enable --quiet sam-agent.service && systemctl restart sam-agent.service
}

[ "$(uname -s)" = Linux ] || fail "Sam's agent runs on Linux, and this is $(uname -s)."
case $(uname -m) in
x86_64) arch=x64 ;;
aarch64 | arm64) arch=arm64 ;;
*) fail "There is no agent for this processor, $(uname -m): Sam has x86_64 and aarch64." ;;
esac
mkdir -p "$home" 2>/dev/null || fail "The folder $home cannot be made. Run this as root."

patiently fetch_version || fail "The bot at $url did not say which agent it has. Look whether this machine can reach it."
# One artifact a line.
offer=$(tr '{' '\n' <"$home/version.json" | grep "\"arch\":\"$arch\"") || fail "The bot has no agent for $arch."
version=$(sed -n 's/^{"version":"\([0-9A-Za-z.+-]*\)".*/\1/p' "$home/version.json")
sha256=$(printf '%s' "$offer" | sed -n 's/.*"sha256":"\([0-9a-f]*\)".*/\1/p')
size=$(printf '%s' "$offer" | sed -n 's/.*"size":\([0-9]*\).*/\1/p')
[ -n "$version" ] && [ ${#sha256} -eq 64 ] && [ -n "$size" ] || fail 'The bot describes its agent in words that this script does not know.'

folder=$home/agent-$version
if [ ! -x "$folder/sam-agent" ]; then
  archive=$home/agent-$sha256.tar.gz
  patiently fetch_archive || fail "The agent could not be fetched whole from $url: what came is not what was announced, or did not come."
  rm -rf "$folder.new"
  mkdir "$folder.new"
  tar -xzf "$archive" -C "$folder.new" --no-same-owner || fail 'The agent could not be unpacked. Look whether the disk is full.'
  rm -rf "$folder"
  mv "$folder.new" "$folder" || fail "The agent could not be put into $folder."
  rm -f "$archive"
fi
before=$(readlink "$home/agent" || true)
rm -f "$home/version.json" "$home/agent.new"
ln -s "agent-$version" "$home/agent.new" && mv -T "$home/agent.new" "$home/agent" ||
  fail "The link $home/agent could not be changed."
write_settings || fail "The settings could not be written to $settings."
write_network || fail "The settings could not be written to $network."
write_unit || fail "The unit could not be written to $unit."
start || fail 'The unit sam-agent.service does not start. Look into `journalctl -u sam-agent`.'
echo "sam: the agent $version is installed."
