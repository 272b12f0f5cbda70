# WordPress on Apache and PHP. Its database is at 127.0.0.1, in the network namespace it shares with mariadb.
packages="wordpress wordpress-theme-twentytwentythree apache2 libapache2-mod-php php-mysql php-gd"
config='{
  "ExposedPorts": { "80/tcp": {} },
  "Env": [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "APACHE_RUN_USER=www-data", "APACHE_RUN_GROUP=www-data", "APACHE_LOG_DIR=/var/log/apache2",
    "APACHE_RUN_DIR=/run", "APACHE_LOCK_DIR=/run", "APACHE_PID_FILE=/run/apache2.pid"
  ],
  "Cmd": ["apache2", "-D", "FOREGROUND"],
  "StopSignal": "SIGWINCH"
}'
customize() {
  cat > "$1/etc/wordpress/config-default.php" << 'EOF'
<?php
define('DB_NAME', 'wordpress');
define('DB_USER', 'wordpress');
define('DB_PASSWORD', 'wordpress');
define('DB_HOST', '127.0.0.1');
define('WP_CONTENT_DIR', '/var/lib/wordpress/wp-content');
// Whatever name or port it is reached by.
define('WP_HOME', 'http://' . $_SERVER['HTTP_HOST']);
define('WP_SITEURL', WP_HOME);
define('AUTOMATIC_UPDATER_DISABLED', true);
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('DISABLE_WP_CRON', true);
EOF
  chown 0:33 "$1/etc/wordpress/config-default.php"
  chmod 640 "$1/etc/wordpress/config-default.php"
  cat > "$1/etc/apache2/sites-available/000-default.conf" << 'EOF'
ServerName localhost
<VirtualHost *:80>
  DocumentRoot /usr/share/wordpress
  Alias /wp-content /var/lib/wordpress/wp-content
  <Directory /usr/share/wordpress>
    Options FollowSymLinks
    AllowOverride Limit Options FileInfo
    DirectoryIndex index.php
    Require all granted
  </Directory>
  <Directory /var/lib/wordpress/wp-content>
    Options FollowSymLinks
    Require all granted
  </Directory>
  ErrorLog /dev/stderr
  CustomLog /dev/stdout combined
</VirtualHost>
EOF
  chown -R 33:33 "$1/var/lib/wordpress"
  ln -sf /dev/stderr "$1/var/log/apache2/error.log"
  ln -sf /dev/stdout "$1/var/log/apache2/other_vhosts_access.log"
}
