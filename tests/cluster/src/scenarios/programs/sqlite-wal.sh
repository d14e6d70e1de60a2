# A write-ahead log: its index is shared memory.
set -e
sqlite3 one.db <<END
pragma journal_mode = wal;
create table t(a integer primary key, b text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000)
    insert into t select i, hex(i * 7919) from n;
END
for i in 1 2 3; do sqlite3 -cmd '.timeout 60000' one.db "insert into t values(-$i, 'more')" & done
wait
sqlite3 one.db 'select count(*), sum(a) from t; pragma wal_checkpoint(truncate); pragma integrity_check;'
