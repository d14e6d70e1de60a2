# A script with children, which is moved while it runs, until there is a file `stop`. Each step is computed twice.
i=0 wrong=0
until [ -e stop ]; do
    i=$((i + 1)) sum=0
    for ((n = 1; n <= 2000; n++)); do sum=$((sum + n * i)); done
    [ "$(seq 2000 | awk -v i=$i '{ s += $1 * i } END { print s }')" = $sum ] || wrong=$((wrong + 1))
done
echo "$i" >steps
echo "$wrong steps were wrong"
