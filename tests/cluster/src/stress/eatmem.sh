# Sines, square roots and files that grow, one for each processor of the cluster, all at once.
for process in $(seq $CPUS); do
    /programs/eatmem -r $((20 * SCALE)) grown.$process >said.$process 2>&1 &
done
wait
cat said.*
sha256sum grown.* | cut -d' ' -f1 | sort | uniq -c
