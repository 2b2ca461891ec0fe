/* Runs a line of a shell on a new pty and reads as fast as one can: what no server can be faster than. Says bytes, seconds and CPU. */
#define _GNU_SOURCE
#include <pty.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval time) { return time.tv_sec + time.tv_usec / 1e6; }

int main(int argc, char **argv) {
  static char buffer[65536];
  struct timespec start, end;
  struct winsize size = {.ws_row = 24, .ws_col = 80};
  struct rusage used;
  long long bytes = 0;
  ssize_t n;
  int master, status = 0;
  if (argc != 2) return 2;
  clock_gettime(CLOCK_MONOTONIC, &start);
  pid_t child = forkpty(&master, NULL, NULL, &size);
  if (child < 0) return 3;
  if (child == 0) {
    execlp("sh", "sh", "-c", argv[1], (char *)NULL);
    _exit(127);
  }
  while ((n = read(master, buffer, sizeof buffer)) > 0) bytes += n;
  clock_gettime(CLOCK_MONOTONIC, &end);
  waitpid(child, &status, 0);
  getrusage(RUSAGE_SELF, &used);
  printf("{\"bytes\":%lld,\"seconds\":%.6f,\"cpu\":%.6f}\n", bytes,
         (end.tv_sec - start.tv_sec) + (end.tv_nsec - start.tv_nsec) / 1e9,
         seconds(used.ru_utime) + seconds(used.ru_stime));
  return status == 0 ? 0 : 4;
}
