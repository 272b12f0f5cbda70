# The database of the WordPress example. Its password is no secret: it listens on 127.0.0.1 alone. Without native AIO it
# does not use io_uring, whose operations no filter sees and which Docker's default profile refuses.
packages="mariadb-server"
config='{
  "User": "mysql",
  "ExposedPorts": { "80/tcp": {} },
  "Cmd": ["mariadbd", "--bind-address=127.0.0.1", "--init-file=/etc/mysql/wordpress.sql", "--innodb-use-native-aio=OFF",
    "--socket=/var/lib/mysql/socket", "--pid-file=/var/lib/mysql/pid"]
}'
customize() {
  cat > "$1/etc/mysql/wordpress.sql" << 'EOF'
CREATE DATABASE IF NOT EXISTS wordpress;
CREATE USER IF NOT EXISTS 'wordpress'@'127.0.0.1' IDENTIFIED BY 'wordpress';
CREATE USER IF NOT EXISTS 'wordpress'@'localhost' IDENTIFIED BY 'wordpress';
GRANT ALL ON wordpress.* TO 'wordpress'@'127.0.0.1';
GRANT ALL ON wordpress.* TO 'wordpress'@'localhost';
EOF
  # What an application asks of its database, for mariadb/cinch.yaml.
  cat > "$1/usr/local/share/exercise.sql" << 'EOF'
DROP TABLE IF EXISTS visit, sorted;
CREATE TABLE visit (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(100), note LONGTEXT, INDEX (name)) ENGINE=InnoDB;
START TRANSACTION;
INSERT INTO visit (name, note) SELECT CONCAT('visitor ', seq), REPEAT('x', 5000) FROM seq_1_to_2000;
COMMIT;
START TRANSACTION;
UPDATE visit SET name = 'nobody' WHERE id % 2 = 0;
ROLLBACK;
-- Sorts that do not fit in memory go to temporary files.
SET SESSION sort_buffer_size = 32768, tmp_memory_table_size = 1024;
CREATE TABLE sorted ENGINE=Aria AS SELECT DISTINCT name, note FROM visit ORDER BY note DESC, name LIMIT 1500;
ALTER TABLE visit ADD COLUMN seen TIMESTAMP DEFAULT CURRENT_TIMESTAMP;
OPTIMIZE TABLE visit;
ANALYZE TABLE visit;
SELECT COUNT(*), MAX(name) FROM visit JOIN sorted USING (name);
DROP TABLE sorted;
EOF
}
