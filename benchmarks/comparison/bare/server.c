/* A bare loop of `send`: what this machine's kernel takes for a fan-out, without a hub around it.
 *
 * GET /events?topic=A&topic=B subscribes; POST /publish?topic=A with the data as its body publishes: one `send` of the
 * same bytes to each subscriber of A, in order, then the answer. No log, no deadlines, no queues: a subscriber whose
 * socket is full holds up all others for a second, then it is closed. For measuring only.
 * Run: server PORT
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MAX_CONNECTIONS = 262144,
    MAX_REQUEST = 1 << 20, /* bytes, head and body */
    FIRST_BUFFER = 2048,
    MAX_TOPIC = 96,
    TOPICS = 1 << 18, /* slots, half of them used at most */
    READY = 512,
    PATIENCE = 1000,     /* milliseconds for a full socket */
    SEND_BUFFER = 16384, /* as the hub's, as it changes what a send costs */
};

static const char STREAM[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n2\r\n:\n\r\n";
static const char ANSWER[] = "HTTP/1.1 204 No Content\r\n\r\n";
static const char REFUSAL[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

struct topic {
    char name[MAX_TOPIC];
    int *subscribers;
    size_t count, room;
};

struct connection {
    char *received; /* of a request that is not complete */
    size_t length, room;
    bool subscribed;
};

static struct topic *topics[TOPICS];       /* by the hash of their names */
static struct topic *in_turn[TOPICS / 2]; /* the same, as they came */
static size_t topic_count;
static struct connection connections[MAX_CONNECTIONS];
static unsigned long position;
static int poller;

static void *check(void *memory) {
    if (!memory) {
        perror("memory");
        exit(1);
    }
    return memory;
}

static struct topic *find_topic(const char *name, size_t length) {
    if (length == 0 || length >= MAX_TOPIC)
        return NULL;
    unsigned hash = 2166136261u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    size_t slot = hash % TOPICS;
    while (topics[slot] && (strncmp(topics[slot]->name, name, length) || topics[slot]->name[length]))
        slot = (slot + 1) % TOPICS;
    if (!topics[slot] && topic_count < TOPICS / 2) {
        topics[slot] = check(calloc(1, sizeof **topics));
        memcpy(topics[slot]->name, name, length);
        in_turn[topic_count++] = topics[slot];
    }
    return topics[slot];
}

static void leave(int fd) {
    for (size_t i = 0; i < topic_count; i++) {
        struct topic *topic = in_turn[i];
        for (size_t j = topic->count; j-- > 0;)
            if (topic->subscribers[j] == fd)
                topic->subscribers[j] = topic->subscribers[--topic->count];
    }
}

static void drop(int fd) {
    struct connection *connection = &connections[fd];
    if (connection->subscribed)
        leave(fd);
    free(connection->received);
    *connection = (struct connection){0};
    close(fd);
}

static bool send_all(int fd, const char *bytes, size_t length) {
    while (length) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent > 0) {
            bytes += sent;
            length -= (size_t)sent;
        } else if (errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            if (poll(&wait, 1, PATIENCE) <= 0)
                return false;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* Call `each` for every topic of a request line's query, and return how many there were. */
static size_t for_topics(const char *line, const char *end, void (*each)(struct topic *, int), int fd) {
    size_t found = 0;
    const char *place = line;
    while ((place = memmem(place, (size_t)(end - place), "topic=", 6))) {
        place += 6;
        struct topic *topic = find_topic(place, strcspn(place, "& \r\n"));
        if (topic) {
            each(topic, fd);
            found++;
        }
    }
    return found;
}

static void join(struct topic *topic, int fd) {
    if (topic->count == topic->room) {
        topic->room = topic->room ? topic->room * 2 : 4;
        topic->subscribers = check(realloc(topic->subscribers, topic->room * sizeof *topic->subscribers));
    }
    topic->subscribers[topic->count++] = fd;
}

static const char *frame;
static size_t frame_length;

static void fan_out(struct topic *topic, int publisher) {
    (void)publisher;
    for (size_t i = topic->count; i-- > 0;) /* backwards: who is dropped gives its place to one who was served */
        if (!send_all(topic->subscribers[i], frame, frame_length))
            drop(topic->subscribers[i]);
}

static bool subscribe(int fd, const char *line, const char *end) {
    connections[fd].subscribed = true;
    struct epoll_event closing = {.events = EPOLLRDHUP, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_MOD, fd, &closing);
    return for_topics(line, end, join, fd) && send_all(fd, STREAM, sizeof STREAM - 1);
}

static bool publish(int fd, const char *line, const char *end, const char *body, size_t length) {
    char id[64], head[32];
    int id_length = snprintf(id, sizeof id, "id: 01234567-%lu\ndata: ", ++position);
    int head_length = snprintf(head, sizeof head, "%zx\r\n", (size_t)id_length + length + 2);
    char *made = check(malloc((size_t)head_length + (size_t)id_length + length + 4)), *place = made;
    place = mempcpy(place, head, (size_t)head_length);
    place = mempcpy(place, id, (size_t)id_length);
    place = mempcpy(place, body, length);
    place = mempcpy(place, "\n\n\r\n", 4);
    frame = made;
    frame_length = (size_t)(place - made);
    bool found = for_topics(line, end, fan_out, fd);
    free(made);
    return found && send_all(fd, ANSWER, sizeof ANSWER - 1);
}

/* Return the bytes of the first request if it is complete; `answered` says whether the connection goes on. */
static size_t answer(int fd, bool *answered) {
    struct connection *connection = &connections[fd];
    char *start = connection->received;
    char *end = memmem(start, connection->length, "\r\n\r\n", 4);
    if (!end)
        return 0;
    char *body = end + 4, *line_end = memchr(start, '\r', connection->length);
    size_t length = 0;
    char *field = strcasestr(start, "\r\ncontent-length:");
    if (field && field < end)
        length = strtoul(field + 17, NULL, 10);
    if (length > MAX_REQUEST) {
        *answered = false;
        return 1;
    }
    if ((size_t)(start + connection->length - body) < length)
        return 0;
    if (!strncmp(start, "GET ", 4))
        *answered = subscribe(fd, start, line_end);
    else
        *answered = !strncmp(start, "POST ", 5) && publish(fd, start, line_end, body, length);
    return (size_t)(body - start) + length;
}

static void attend(int fd) {
    struct connection *connection = &connections[fd];
    if (connection->subscribed) {
        drop(fd);
        return;
    }
    if (connection->room - connection->length < FIRST_BUFFER / 2) {
        connection->room = connection->room ? connection->room * 2 : FIRST_BUFFER;
        connection->received = check(realloc(connection->received, connection->room + 1));
    }
    ssize_t got = recv(fd, connection->received + connection->length, connection->room - connection->length, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0 || connection->length + (size_t)got > MAX_REQUEST) {
        drop(fd);
        return;
    }
    connection->length += (size_t)got;
    bool answered = true;
    size_t used = 1;
    while (connection->length && !connection->subscribed && used) {
        connection->received[connection->length] = '\0';
        used = answer(fd, &answered);
        if (!answered) {
            send_all(fd, REFUSAL, sizeof REFUSAL - 1);
            drop(fd);
            return;
        }
        connection->length -= used;
        memmove(connection->received, connection->received + used, connection->length);
    }
    if (connection->subscribed) {
        free(connection->received);
        connection->received = NULL;
    }
}

static void accept_all(int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= MAX_CONNECTIONS) {
            close(fd);
            continue;
        }
        struct epoll_event reading = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &reading);
    }
}

static int listen_on(int port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, size = SEND_BUFFER;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(listener, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &size, sizeof size);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
        perror("listen");
        exit(1);
    }
    return listener;
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "expected one argument, a port\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    int listener = listen_on(atoi(arguments[1]));
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event reading = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &reading);
    for (;;) {
        struct epoll_event ready[READY];
        int events = epoll_wait(poller, ready, READY, -1);
        for (int i = 0; i < events; i++)
            if (ready[i].data.fd == listener)
                accept_all(listener);
            else
                attend(ready[i].data.fd);
    }
}
