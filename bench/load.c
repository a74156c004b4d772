// The load generator: one thread, epoll, loopback only. It must be far cheaper than any server it drives.
//
//   load echo    PORT PID CLIENTS SIZE LINE WARM MEASURE   every client sends SIZE bytes, waits for them back, checks them
//   load connect PORT PID CLIENTS SIZE LINE WARM MEASURE   the same, but one connection per request; the server ends it
//   load http    PORT PID CLIENTS SIZE LINE WARM MEASURE   every client sends a GET request, and waits for the answer
//   load hold    PORT PID CLIENTS SIZE LINE WARM MEASURE   opens CLIENTS connections and leaves them alone
//
// Every LINE-th byte of a request is a newline (0: none). It runs unmeasured for WARM ms, then MEASURE ms, and prints as
// JSON what was done and the CPU time that process PID took meanwhile; `hold` prints its resident memory before and after.
// The process time is read here, in the step that begins and ends the window, and not by a third process that may be late.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  int fd;
  size_t sent, received;
  int wants_out; // EPOLLOUT is registered: the socket took only a part
} Client;

static int epoll, port, source;
static int connecting, holding, http;
static size_t answer; // bytes of an answer over HTTP, all of which are alike; 0 before the first
static size_t size;
static char *payload, input[1 << 18];
static unsigned long requests;

static void fail(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void watch(Client *client, int operation) {
  struct epoll_event event = {.events = EPOLLIN | (client->wants_out ? EPOLLOUT : 0), .data.ptr = client};
  if (epoll_ctl(epoll, operation, client->fd, &event) < 0) fail("epoll_ctl");
}

static void send_rest(Client *client) {
  while (client->sent < size) {
    ssize_t n = send(client->fd, payload + client->sent, size - client->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) fail("send");
    client->sent += n;
  }
  int wants_out = client->sent < size;
  if (wants_out == client->wants_out) return;
  client->wants_out = wants_out;
  watch(client, EPOLL_CTL_MOD);
}

static void open_client(Client *client) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)}, from = {.sin_family = AF_INET};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // Many source addresses of the loopback network: one would run out of ports.
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + source++ % 200);
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (bind(fd, (void *)&from, sizeof from) < 0) fail("bind");
  // Blocking: on loopback a connect is done when the server's kernel has queued it.
  if (connect(fd, (void *)&to, sizeof to) < 0) fail("connect");
  *client = (Client){.fd = fd};
  watch(client, EPOLL_CTL_ADD);
  if (!holding) send_rest(client);
}

static void on_input(Client *client) {
  ssize_t n = recv(client->fd, input, sizeof input, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) return;
  if (n < 0) fail("recv");
  if (n == 0) {
    if (!connecting || client->received != size) errno = 0, fail("the server ended a connection too early");
    close(client->fd);
    requests++;
    open_client(client);
    return;
  }
  if (http) {
    if (!answer) answer = n; // the first one came in one piece, as the check of the next ones shows
    client->received += n;
    if (client->received > answer || memcmp(input, "HTTP/1.1 200", client->received == (size_t)n ? 12 : 0))
      errno = 0, fail("another answer came");
    if (client->received < answer) return;
    requests++;
    client->sent = client->received = 0;
    send_rest(client);
    return;
  }
  if (client->received + n > size || memcmp(input, payload + client->received, n)) errno = 0, fail("wrong bytes came back");
  client->received += n;
  if (connecting || client->received < size) return;
  requests++;
  client->sent = client->received = 0;
  send_rest(client);
}

static void run_until(double end) {
  struct epoll_event events[256];
  for (double left; (left = end - now()) > 0;) {
    int n = epoll_wait(epoll, events, 256, left < 1 ? 1 : (int)left);
    for (int i = 0; i < n; i++) {
      if (events[i].events & EPOLLOUT) send_rest(events[i].data.ptr);
      if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_input(events[i].data.ptr);
    }
  }
}

// All threads of the process, in seconds.
static void cpu_time(int pid, double *user, double *system) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "r");
  if (!file) fail(path);
  text[fread(text, 1, sizeof text - 1, file)] = 0;
  fclose(file);
  unsigned long u, s;
  // Fields 14 and 15; the second one, the name, is in parentheses and may hold anything.
  if (sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &u, &s) != 2) fail("stat");
  *user = (double)u / sysconf(_SC_CLK_TCK);
  *system = (double)s / sysconf(_SC_CLK_TCK);
}

static long resident_kib(int pid) {
  char path[64];
  long pages;
  snprintf(path, sizeof path, "/proc/%d/statm", pid);
  FILE *file = fopen(path, "r");
  if (!file || fscanf(file, "%*d %ld", &pages) != 1) fail(path);
  fclose(file);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

int main(int argc, char **argv) {
  if (argc != 9) return fprintf(stderr, "load: 8 arguments expected\n"), 2;
  connecting = !strcmp(argv[1], "connect");
  holding = !strcmp(argv[1], "hold");
  http = !strcmp(argv[1], "http");
  port = atoi(argv[2]);
  int pid = atoi(argv[3]), clients = atoi(argv[4]), line = atoi(argv[6]);
  size = atoi(argv[5]);
  double warm = atof(argv[7]), measure = atof(argv[8]);

  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  payload = malloc(size + 1);
  if (http) {
    payload = malloc(256);
    size = snprintf(payload, 256, "GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", port);
  } else
    for (size_t i = 0; i < size; i++) payload[i] = line && (i + 1) % line == 0 ? '\n' : 'a' + i % 23;
  epoll = epoll_create1(EPOLL_CLOEXEC);
  Client *all = calloc(clients, sizeof *all);

  long before = resident_kib(pid);
  for (int i = 0; i < clients; i++) {
    open_client(&all[i]);
    if (holding && i % 100 == 99) run_until(now() + 10); // the server accepts at its own pace
  }
  run_until(now() + warm);
  if (holding) {
    printf("{\"clients\":%d,\"before\":%ld,\"after\":%ld}\n", clients, before, resident_kib(pid));
    return 0;
  }
  double user, system, user_end, system_end, start = now();
  unsigned long first = requests;
  cpu_time(pid, &user, &system);
  run_until(start + measure);
  cpu_time(pid, &user_end, &system_end);
  double seconds = (now() - start) / 1e3;
  printf("{\"requests\":%lu,\"seconds\":%.4f,\"user\":%.2f,\"system\":%.2f}\n", requests - first, seconds,
         user_end - user, system_end - system);
  return 0;
}
