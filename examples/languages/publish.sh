#!/usr/bin/env bash
# Publish messages from a shell, with redis-cli: each line of standard input is a message.
#
#   examples/languages/publish.sh demo-project < predictions.ndjson
#
# PRELABEL_REDIS_URL and PRELABEL_KEY_PREFIX are as for `prelabel`. Other users of the machine can read a password in the
# URL in the list of processes: leave it out there, and set REDISCLI_AUTH. A line has at most 128 KiB here, as the system
# allows for an argument of a command. docs/reference/publish-script.md describes the script that it calls.
set -euo pipefail

project=${1:?usage: publish.sh PROJECT < predictions.ndjson}
prefix=${PRELABEL_KEY_PREFIX:-prelabel}
script=$(dirname "$0")/../../docs/reference/schema/v1/publish_messages.lua
url=${PRELABEL_REDIS_URL:-redis://localhost:6379/0}
case $url in
  unix://*) path=${url#unix://}; redis=(redis-cli -s "${path%%\?*}") ;;
  *) url=${url/\/\/:/\/\/default:}; redis=(redis-cli --no-auth-warning -u "$url") ;;
esac
sha=$(sha1sum "$script" | cut -c 1-40)
accepted=0

# Send a call until Redis has it: the same id each time, so that it counts once.
send() {
  local call answer
  call=$(cat /proc/sys/kernel/random/uuid)
  while true; do
    answer=$("${redis[@]}" evalsha "$sha" 2 "$prefix:{$project}" "$prefix:projects" "$call" 2000000 "$@" 2>&1 | tr '\n' ' ' || true)
    case $answer in
      ok\ *) accepted=$((accepted + ${answer//[^0-9]/})); return ;;
      limit\ *) echo "message $answer exceeds a limit of the call" >&2; exit 1 ;;
      NOSCRIPT*) [ "$("${redis[@]}" -x script load <"$script")" = "$sha" ] || { echo "$answer" >&2; exit 1; } ;;
      *ARGUMENTS* | *NOPERM* | *WRONGPASS* | *NOAUTH* | *KEYS-DIFFER*) echo "$answer" >&2; exit 1 ;;
      full\ * | memory\ *) echo "nothing accepted yet: $answer" >&2; sleep 1 ;;
      *) echo "Redis is away: $answer" >&2; sleep 1 ;;
    esac
  done
}

while mapfile -t -n 100 lines && ((${#lines[@]})); do
  send "${lines[@]}"
done
((accepted == 1)) && echo "1 row accepted" || echo "$accepted rows accepted"
