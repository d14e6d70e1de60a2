# RSA keys by as many processes as the cluster has processors; each key is checked, and no two may be equal.
for process in $(seq $CPUS); do
    for key in $(seq $((KEYS / CPUS + 1))); do
        openssl genrsa -out key.$process.$key 1024 2>>errors
        openssl rsa -in key.$process.$key -check -noout 2>&1
    done >said.$process &
done
wait
cat said.* | sort | uniq -c
sha256sum key.* | cut -d' ' -f1 | sort -u | wc -l
