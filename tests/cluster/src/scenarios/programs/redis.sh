# A server with an append-only file under a benchmark; it rewrites the file in a child.
redis-server --port 7777 --save '' --appendonly yes --dir . --enable-debug-command yes >log 2>&1 &
server=$!
ask() { redis-cli -p 7777 "$@"; }
for i in $(seq 100); do [ "$(ask ping 2>/dev/null)" = PONG ] && break; sleep 0.1; done
redis-benchmark -p 7777 -n 100 -c 5 -q -t set,get,lpush,incr 2>&1 | tr '\r' '\n' | grep -c 'requests per second'
ask <<END
mset a 1 b 2
incrby a 41
hset h f v g w
hgetall h
zadd z 1 x 2 y
zrange z 0 -1 withscores
eval "return redis.call('get', KEYS[1])" 1 a
del mylist
debug digest
bgrewriteaof
END
while ask info persistence | grep -q 'rewrite_in_progress:1'; do sleep 0.2; done
ask shutdown nosave
wait $server
echo "status $?"
grep -c 'crash\|BUG\|assert' log
redis-check-aof appendonlydir/*.manifest | tail -1
