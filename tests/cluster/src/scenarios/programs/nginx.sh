# A server with two workers, sendfile, and itself as its proxy; it reads its configuration again, and ends in order.
mkdir html tmp
head -c 150000 /bin/bash > html/big
echo small > html/small
cat > conf <<END
worker_processes 2; daemon off; user root; pid $PWD/pid; error_log $PWD/errors warn;
events { worker_connections 64; }
http {
    access_log $PWD/access; sendfile on; client_body_temp_path tmp; proxy_temp_path tmp;
    fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
    server { listen 8088; root $PWD/html; }
    server { listen 8089; location / { proxy_pass http://127.0.0.1:8088; } }
}
END
nginx -p $PWD -c conf 2>/dev/null &
server=$!
get() { curl -s "http://127.0.0.1:$1"; }
for i in $(seq 100); do get 8088/small >/dev/null && break; sleep 0.1; done
for i in 1 2; do get 8088/big | md5sum; get 8089/big | md5sum; get 8089/small; done
curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8089/none
kill -HUP $server
sleep 0.5
get 8089/small
kill -QUIT $server
wait $server
echo "status $?"
grep -c 'GET' access
grep -v "none" errors || true
