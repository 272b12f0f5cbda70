# nginx as Debian packages it: the master is root, the workers are www-data, the port is 80.
packages="nginx-light"
config='{
  "ExposedPorts": { "80/tcp": {} },
  "Cmd": ["nginx", "-g", "daemon off;"],
  "StopSignal": "SIGQUIT"
}'
customize() {
  # Logs go to where a container's logs go.
  ln -sf /dev/stdout "$1/var/log/nginx/access.log"
  ln -sf /dev/stderr "$1/var/log/nginx/error.log"
}
