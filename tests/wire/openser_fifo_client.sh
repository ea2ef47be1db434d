#!/bin/sh
# A client of the management FIFO as OpenSER's users have it in their scripts: plain shell, a reply FIFO of its
# own, the whole request in one write. Prints the reply without "200 OK" and without empty lines.
#
#   openser_fifo_client.sh FIFO REPLY_DIRECTORY COMMAND [ARGUMENT...]
set -eu

fifo=$1
replies=$2
command=$3
shift 3

name=openser_receiver_$$
reply=$replies/$name
mkfifo -m a+w "$reply"
trap 'rm -f "$reply"' EXIT
chmod a+w "$reply"

# The reader stands ready before anything is asked.
awk 'NR == 1 && toupper($0) == "200 OK" { next } NF > 0 { print }' <"$reply" &
reader=$!

request=":$command:$name
"
for argument in "$@"; do
    request="$request$argument
"
done
printf '%s\n' "$request" >"$fifo"

wait "$reader"
