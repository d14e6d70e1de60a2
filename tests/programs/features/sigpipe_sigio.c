/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: SIGPIPE of a broken pipe, SIGIO and SIGURG of descriptors that have an owner */
#include "feature.h"
#include <sys/socket.h>

static volatile int count[65], fd_of_io, band;

static void on_signal(int signal, siginfo_t *info, void *context)
{
	(void)context;
	count[signal]++;
	if (signal == SIGRTMIN) {
		fd_of_io = info->si_fd;
		band = info->si_code;
	}
}

int main(int argc, char **argv)
{
	int ends[2], sockets[2];

	begin(argc, argv);
	handle_info(SIGPIPE, on_signal, SA_RESTART);
	handle_info(SIGIO, on_signal, SA_RESTART);
	handle_info(SIGRTMIN, on_signal, SA_RESTART);
	ready();
	do {
		memset((void *)count, 0, sizeof count);
		CHECK(pipe(ends) == 0 && close(ends[0]) == 0);
		CHECK(write(ends[1], "x", 1) == -1 && errno == EPIPE && count[SIGPIPE] == 1);
		CHECK(close(ends[1]) == 0);
		CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
		CHECK(fcntl(sockets[0], F_SETOWN, getpid()) == 0 && fcntl(sockets[0], F_SETFL, O_ASYNC | O_NONBLOCK) == 0);
		point();
		tell(sockets[1], 'x');
		AWAIT(count[SIGIO] >= 1);
		CHECK(fcntl(sockets[0], F_GETOWN) == getpid());
		CHECK(fcntl(sockets[0], F_SETSIG, SIGRTMIN) == 0);
		tell(sockets[1], 'y');
		AWAIT(count[SIGRTMIN] >= 1);
		CHECK(fd_of_io == sockets[0] && band == POLL_IN);
		CHECK(close(sockets[1]) == 0);
		CHECK(send(sockets[0], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE && count[SIGPIPE] == 1);
		CHECK(send(sockets[0], "x", 1, 0) == -1 && errno == EPIPE && count[SIGPIPE] == 2);
		CHECK(close(sockets[0]) == 0);
	} while (again());
	return pass();
}
