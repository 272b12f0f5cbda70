# Redis as Debian packages it, run by its own user.
packages="redis-server redis-tools"
config='{
  "User": "redis",
  "WorkingDir": "/var/lib/redis",
  "ExposedPorts": { "6379/tcp": {} },
  "Cmd": ["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "60", "1", "--appendonly", "yes"]
}'
