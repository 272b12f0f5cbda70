packages="memcached"
config='{ "User": "memcache", "ExposedPorts": { "11211/tcp": {} }, "Cmd": ["memcached", "-l", "0.0.0.0"] }'
