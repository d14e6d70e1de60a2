# Three children for each processor of the cluster.
exec /programs/forkit -r $((4 * SCALE)) $((3 * CPUS))
