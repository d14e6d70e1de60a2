/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the network itself can do: `netping serve PORT` answers; `netping ping ADDRESS PORT COUNT` prints the
 * nanoseconds that COUNT round trips of one byte took, `netping stream ADDRESS PORT BYTES` those that
 * sending BYTES and hearing that all have arrived took.
 */
#include "program.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>

static char buffer[1 << 20];

static int64_t now(void)
{
	struct timespec time;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &time) == 0);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

/* The client says how many bytes it will send; each byte is answered if they are few at a time. */
static void serve(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(listener >= 0 && setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
	CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 5) == 0);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int s = accept(listener, NULL, NULL);
		uint64_t left;

		CHECK(s >= 0 && setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
		if (read(s, &left, sizeof left) == sizeof left) {
			int ping = left >> 63;

			left &= ~0ull >> 1;
			while (left) {
				ssize_t n = read(s, buffer, ping ? 1 : sizeof buffer);

				if (n <= 0)
					break;
				left -= n;
				if ((ping || !left) && write(s, "x", 1) != 1)
					break;
			}
		}
		close(s);
	}
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve(atoi(argv[2]));
	if (argc != 5)
		fail("usage: netping serve PORT | ping ADDRESS PORT COUNT | stream ADDRESS PORT BYTES");
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(atoi(argv[3])) };
	int on = 1, s = socket(AF_INET, SOCK_STREAM, 0), ping = !strcmp(argv[1], "ping");
	uint64_t count = strtoull(argv[4], NULL, 10), head = count | (uint64_t)ping << 63;
	char byte;

	CHECK(s >= 0 && inet_pton(AF_INET, argv[2], &address.sin_addr) == 1);
	CHECK(connect(s, (struct sockaddr *)&address, sizeof address) == 0);
	CHECK(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
	CHECK(write(s, &head, sizeof head) == sizeof head);
	fill(buffer, sizeof buffer, 1);
	int64_t before = now();

	if (ping)
		for (uint64_t i = 0; i < count; i++)
			CHECK(write(s, "x", 1) == 1 && read(s, &byte, 1) == 1);
	else {
		for (uint64_t left = count; left;) {
			ssize_t n = write(s, buffer, left < sizeof buffer ? left : sizeof buffer);

			CHECK(n > 0);
			left -= n;
		}
		CHECK(read(s, &byte, 1) == 1);
	}
	printf("%lld\n", (long long)(now() - before));
	return 0;
}
