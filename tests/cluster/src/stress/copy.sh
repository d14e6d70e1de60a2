# A file of up to 10 MB to every node and back. There is no file system of the cluster: a process goes there, and the bytes
# pass through it, from one file at home to another.
on() {
    node=$1
    shift
    if [ "$AWAY" = 1 ]; then omctl mosrun $node -L "$@"; else "$@"; fi
}
seq 1400000 | head -c $((SCALE * 1000000)) >original
for node in $(seq $CPUS); do
    on $node cp original there.$node
    on $node dd if=there.$node of=back.$node bs=64k 2>>errors
    cmp original back.$node && echo "node $node: equal"
    rm there.$node back.$node
done
