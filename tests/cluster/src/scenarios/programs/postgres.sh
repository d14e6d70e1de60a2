# A database whose server processes share memory, and move together: two clients at once, a transaction that is undone, a server that
# is killed and recovers from its log. What initdb makes stays for the next run.
pg=$(echo /usr/lib/postgresql/*/bin | tr ' ' '\n' | tail -1)
someone='setpriv --reuid 65534 --regid 65534 --clear-groups'
chown 65534:65534 .
data=/tmp/database
if ! [ -e $data ]; then
    mkdir $data; chown 65534:65534 $data
    $someone $pg/initdb -D $data -A trust -N --locale=C > initdb.log 2>&1 || cat initdb.log
fi
start() {
    $someone $pg/postgres -D $data -k $PWD -c listen_addresses= -c shared_buffers=2MB -c max_connections=10 -c autovacuum=off -c recovery_init_sync_method=syncfs \
        2>> log &
    server=$!
    until [ -e .s.PGSQL.5432 ]; do sleep 0.1; done
}
sql() { $someone $pg/psql -h $PWD -U nobody -d postgres -AtX "$@"; }
start
until sql -q -c 'drop table if exists t' -c 'create table t (id int primary key, v text)' \
    -c 'insert into t select i, md5(i::text) from generate_series(1, 200) i' 2> /dev/null; do sleep 0.2; done
for i in 1 2; do
    sql -q -c "update t set v = v || '$i' where id <= 200 and id % 2 = $i - 1" \
        -c "insert into t select 1000 * $i + id, 'new' from t where id <= 50" &
    clients[i]=$!
done
wait ${clients[@]}
sql -c begin -c 'delete from t' -c rollback -c "select count(*), md5(string_agg(v, ',' order by id)) from t"
kill -QUIT $server; wait $server; echo $?
start
until sql -c 'select count(*), max(id) from t' 2> /dev/null; do sleep 0.2; done
kill -INT $server; wait $server; echo $?
grep -c 'was not properly shut down' log
