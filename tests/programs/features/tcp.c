/* SPDX-License-Identifier: GPL-2.0-only */
/* files: TCP over loopback: connect, accept, options, addresses, urgent data, shutdown, many bytes both ways */
#include "feature.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define SIZE 200000

static char out[SIZE], in[SIZE];

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, peer, own;
	socklen_t length = sizeof address, size = sizeof peer;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, value;

	begin(argc, argv);
	CHECK(listener >= 0 && bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 5) == 0);
	CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0 && address.sin_port);
	ready();
	do {
		int client = socket(AF_INET, SOCK_STREAM, 0);

		CHECK(client >= 0 && setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0);
		CHECK(connect(client, (struct sockaddr *)&address, sizeof address) == 0);
		size = sizeof peer;
		int server = accept4(listener, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC);

		CHECK(server >= 0);
		point();
		length = sizeof own;
		CHECK(getsockname(client, (struct sockaddr *)&own, &length) == 0 && own.sin_port == peer.sin_port);
		length = sizeof value;
		CHECK(getsockopt(client, IPPROTO_TCP, TCP_NODELAY, &value, &length) == 0 && value);
		fill(out, SIZE, run.round);
		for (int sent = 0, received = 0; received < SIZE;) {
			struct pollfd polled[2] = { { client, sent < SIZE ? POLLOUT : 0, 0 }, { server, POLLIN, 0 } };

			CHECK(poll(polled, 2, 20000) > 0);
			if (polled[0].revents & POLLOUT) {
				ssize_t done = send(client, out + sent, SIZE - sent, MSG_DONTWAIT);

				CHECK(done > 0);
				sent += done;
			}
			if (polled[1].revents & POLLIN) {
				ssize_t done = recv(server, in + received, SIZE - received, 0);

				CHECK(done > 0);
				received += done;
			}
		}
		CHECK(!memcmp(in, out, SIZE));
		CHECK(send(server, "!", 1, MSG_OOB) == 1);
		struct pollfd urgent = { client, POLLPRI, 0 };

		CHECK(poll(&urgent, 1, 20000) == 1 && recv(client, in, 1, MSG_OOB) == 1 && in[0] == '!');
		point();
		CHECK(write(server, "last words", 10) == 10 && shutdown(server, SHUT_WR) == 0);
		CHECK(recv(client, in, 100, MSG_PEEK | MSG_WAITALL) == 10 && recv(client, in, 100, MSG_WAITALL) == 10);
		CHECK(!memcmp(in, "last words", 10) && read(client, in, 1) == 0);
		struct tcp_info info;

		length = sizeof info;
		CHECK(getsockopt(client, IPPROTO_TCP, TCP_INFO, &info, &length) == 0);
		CHECK(info.tcpi_state == TCP_CLOSE_WAIT || info.tcpi_state == TCP_ESTABLISHED);
		CHECK(close(client) == 0 && close(server) == 0);
		/* Nobody listens there. */
		client = socket(AF_INET, SOCK_STREAM, 0);
		own.sin_port = htons(1);
		CHECK(connect(client, (struct sockaddr *)&own, sizeof own) == -1 && errno == ECONNREFUSED && close(client) == 0);
	} while (again());
	return pass();
}
