# Ciphers, digests, keys, and a server that answers over TLS.
set -e
head -c 1000000 /bin/bash > plain
openssl enc -aes-256-cbc -pbkdf2 -S 0102030405060708 -pass pass:abc -in plain -out secret
md5sum < secret
openssl enc -d -aes-256-cbc -pbkdf2 -S 0102030405060708 -pass pass:abc -in secret | cmp - plain
openssl dgst -sha512 plain
# Of elliptic curves: how long the search for primes takes is chance.
openssl ecparam -name prime256v1 -genkey -noout -out key
openssl req -x509 -key key -subj /CN=node -days 10 -out certificate
openssl verify -CAfile certificate certificate
openssl speed -seconds 1 -bytes 1024 sha256 2>/dev/null | grep -c '^sha256'
openssl s_server -key key -cert certificate -accept 4433 -www -quiet >/dev/null 2>&1 &
for i in $(seq 20); do
    sleep 0.2
    if printf 'GET / HTTP/1.0\n\n' | openssl s_client -connect 127.0.0.1:4433 -ign_eof -quiet 2>/dev/null >answer; then break; fi
done
head -1 answer
kill $!
wait $! || echo "server $?"
