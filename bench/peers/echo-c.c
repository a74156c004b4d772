// C, epoll: the floor under every echo. What a full socket does not take is kept per client.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

typedef struct {
  int fd;
  char *rest; // unsent; while there is some, nothing more is read
  size_t length, sent;
} Client;

static char buffer[65536];

static void end(Client *client) {
  close(client->fd);
  free(client->rest);
  free(client);
}

int main(void) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t length = sizeof address;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), loop = epoll_create1(0), on = 1;
  if (bind(listener, (void *)&address, sizeof address) < 0 || listen(listener, 4096) < 0) return 1;
  getsockname(listener, (void *)&address, &length);
  printf("PORT %d\n", ntohs(address.sin_port));
  fflush(stdout);
  struct epoll_event event = {.events = EPOLLIN}, events[256];
  epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int ready = epoll_wait(loop, events, 256, -1);
    for (int i = 0; i < ready; i++) {
      Client *client = events[i].data.ptr;
      if (client == NULL) {
        for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
          setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
          client = calloc(1, sizeof *client);
          client->fd = fd;
          event = (struct epoll_event){.events = EPOLLIN, .data.ptr = client};
          epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event);
        }
        continue;
      }
      int had_rest = client->rest != NULL;
      char *from = had_rest ? client->rest + client->sent : buffer;
      ssize_t n = had_rest ? (ssize_t)(client->length - client->sent) : recv(client->fd, buffer, sizeof buffer, 0);
      if (n < 0 && errno == EAGAIN) continue;
      ssize_t sent = n <= 0 ? -1 : send(client->fd, from, n, MSG_NOSIGNAL);
      if (n <= 0 || (sent < 0 && errno != EAGAIN)) {
        end(client);
        continue;
      }
      if (sent < 0) sent = 0;
      if (had_rest) client->sent += sent;
      else if (sent < n) {
        client->rest = malloc(n - sent);
        memcpy(client->rest, buffer + sent, n - sent);
        client->length = n - sent;
        client->sent = 0;
      }
      if (had_rest && client->sent == client->length) {
        free(client->rest);
        client->rest = NULL;
      }
      if (had_rest != (client->rest != NULL)) {
        event = (struct epoll_event){.events = client->rest ? EPOLLOUT : EPOLLIN, .data.ptr = client};
        epoll_ctl(loop, EPOLL_CTL_MOD, client->fd, &event);
      }
    }
  }
}
