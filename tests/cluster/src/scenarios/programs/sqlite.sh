# The command and Python's module, one connection and several.
set -e
sqlite3 one.db <<END
create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000)
    insert into t select i, hex(i * 7919), i / 3.0 from n;
create index tb on t(b);
select count(*), sum(a), min(b), max(b), round(sum(c), 6) from t;
begin;
update t set c = c * 2 where a % 3 = 0;
rollback;
select round(sum(c), 6) from t;
pragma integrity_check;
END
md5sum one.db
sqlite3 one.db .dump | md5sum
python3 - <<END
import sqlite3, threading
def add(base):
    connection = sqlite3.connect('two.db', timeout=60)
    for i in range(8):
        with connection:
            connection.execute('insert into t values(?, ?)', (base + i, 'x' * i))
first = sqlite3.connect('two.db')
first.execute('create table t(a, b)')
threads = [threading.Thread(target=add, args=(n * 1000,)) for n in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(first.execute('select count(*), sum(a), sum(length(b)) from t').fetchall())
print(first.execute('pragma integrity_check').fetchall())
END
