# Functions, pipes, here-documents, traps, job control.
set -m
greet() { local who=$1; while read -r line; do echo "$who: $line"; done; }
greet a <<END
one $((1 + 2))
two $(echo substituted; exit 3) $?
END
trap 'echo trapped' USR1
trap 'echo bye $?' EXIT
for i in 1 2 3; do kill -USR1 $$; done
seq 1 2000 | awk '{s += $1} END {print s}' | sed 's/^/sum /'

# Before it is sleep it is bash, which has a handler for SIGTERM while there is a trap for EXIT.
sleep 100 &
until [ "$(cat /proc/$!/comm)" = sleep ]; do sleep 0.05; done
jobs
kill -STOP %1
while [ "$(cut -d' ' -f3 /proc/$!/stat)" != T ]; do sleep 0.05; done
jobs
kill -CONT %1
kill %1
# Not %1: when it has ended before this, there is no such job any more.
wait $!
echo "status $?"

coproc cat
echo hello >&"${COPROC[1]}"
read -r -u "${COPROC[0]}" answer
echo "answer $answer"
eval "exec ${COPROC[1]}>&-"
wait
declare -A count
for word in $(printf '%s\n' a b a c b a); do count[$word]=$((count[$word] + 1)); done
echo "${count[a]} ${count[b]} ${count[c]}"
{ (ulimit -c 0; kill -SEGV $BASHPID); } 2>/dev/null
echo "signal $?"
timeout 0.3 sleep 10
echo "timeout $?"
for i in $(seq 1 15); do (exit $((i % 7))); codes=$codes$?; done
echo "$codes"
tar cf - -C /usr/share/doc bash tar | gzip -9n | gunzip | tar tf - | sort | md5sum
trap
