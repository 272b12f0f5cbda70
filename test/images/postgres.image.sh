# PostgreSQL that makes its own cluster at the first start.
packages="postgresql"
config='{
  "User": "postgres",
  "WorkingDir": "/var/lib/postgresql",
  "ExposedPorts": { "5432/tcp": {} },
  "Cmd": ["/usr/local/bin/start-postgres"],
  "StopSignal": "SIGINT"
}'
customize() {
  cat > "$1/usr/local/bin/start-postgres" << 'EOF'
#!/bin/sh
set -e
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
data=/var/lib/postgresql/data
[ -e $data/PG_VERSION ] || {
  initdb -D $data --auth=trust
  echo host all all all trust >> $data/pg_hba.conf
}
exec postgres -D $data -c 'listen_addresses=*' -c unix_socket_directories=/tmp
EOF
  chmod 755 "$1/usr/local/bin/start-postgres"
}
