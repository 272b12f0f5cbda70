/*
 * What the checked-in logs are of. Static and small, so that a log is short:
 *   gcc -O1 -static -pthread -o /tmp/walk walk.c
 * README.md says how each log was made. Paths are relative on purpose, to folders that are entered or opened before.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int listener;
static struct sockaddr_in server = {.sin_family = AF_INET};

static void *client(void *unused) {
  int s = socket(AF_INET, SOCK_STREAM, 0);
  connect(s, (struct sockaddr *)&server, sizeof server);
  write(s, "a) = 3 \"q\" <x>, {\n", 18);
  close(s);
  return unused;
}

static void touch(int at, const char *path) { close(openat(at, path, O_WRONLY | O_CREAT, 0600)); }

int main(int argc, char **argv) {
  if (argc > 1) { /* after execve: the folder is kept, the descriptor 9 is not */
    touch(AT_FDCWD, "after-exec");
    unlink("after-exec");
    openat(9, "nowhere", O_RDONLY);
    return 0;
  }
  char buffer[64];
  mkdir("/tmp/walk.d", 0700);
  chdir("/tmp/walk.d");
  mkdir("sub", 0700);
  int sub = open("sub", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  dup3(sub, 9, O_CLOEXEC);
  touch(9, "file");
  renameat(9, "file", AT_FDCWD, "sub/renamed \"<x>\"\n");
  symlinkat("renamed", sub, "link");
  readlinkat(sub, "link", buffer, sizeof buffer);
  linkat(sub, "renamed \"<x>\"\n", AT_FDCWD, "hard", 0);
  fchmodat(AT_FDCWD, "hard", 0640, 0);
  access("missing", R_OK);
  open("../walk.d/missing/too", O_RDWR | O_CREAT, 0600);
  open("/dev/null", O_RDWR);

  int pipes[2];
  pipe(pipes);
  if (fork() == 0) { /* a folder of its own */
    fchdir(sub);
    touch(AT_FDCWD, "childs");
    unlink("childs");
    write(pipes[1], "x", 1);
    raise(SIGKILL);
  }
  read(pipes[0], buffer, 1);
  wait(NULL);

  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  server.sin_port = htons(46137);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  bind(listener, (struct sockaddr *)&server, sizeof server);
  listen(listener, 1);
  pthread_t thread;
  pthread_create(&thread, NULL, client, NULL);
  int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  read(accepted, buffer, sizeof buffer);
  pthread_join(thread, NULL);
  struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "sub/socket"};
  int unix_socket = socket(AF_UNIX, SOCK_DGRAM, 0);
  bind(unix_socket, (struct sockaddr *)&local, sizeof local);
  strcpy(local.sun_path, "sub/none");
  connect(unix_socket, (struct sockaddr *)&local, sizeof local);
  socket(AF_NETLINK, SOCK_RAW, 15);
  socket(AF_ALG, SOCK_SEQPACKET, 0);

  personality(0xffffffff);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ioctl(0, TCGETS, buffer);
  ioctl(pipes[0], 0x5421, &(int){1});
  fcntl(0, F_GETFD);
  mprotect(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096, PROT_READ | PROT_EXEC);
  unshare(CLONE_FS);
  syscall(SYS_openat, AT_FDCWD, (void *)1, O_RDONLY);
  syscall(472, -1, 0);
  syscall(999, 1, 2, 3);
  close_range(700, 800, 0);

  unlink("sub/socket");
  unlink("hard");
  unlinkat(sub, "renamed \"<x>\"\n", 0);
  unlinkat(sub, "link", 0);
  if (vfork() == 0) {
    execl("/tmp/no-such-program", "no", NULL);
    execl("/tmp/walk", "walk", "again", NULL);
  }
  wait(NULL);
  unlinkat(AT_FDCWD, "/tmp/walk.d/sub", AT_REMOVEDIR);
  rmdir("/tmp/walk.d");
  return 0;
}
