/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: ppoll, pselect and epoll_pwait change the mask only while they wait */
#include "feature.h"
#include <sys/epoll.h>
#include <sys/select.h>

static volatile int count;

static void on_usr1(int signal) { (void)signal; count++; }

static int is_blocked(void)
{
	sigset_t mask;

	CHECK(sigprocmask(SIG_BLOCK, NULL, &mask) == 0);
	return sigismember(&mask, SIGUSR1);
}

int main(int argc, char **argv)
{
	int there[2], ends[2], epoll = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN };
	struct timespec time = { 20, 0 }, short_time = { 0, 10000000 };
	sigset_t none;
	fd_set set;

	begin(argc, argv);
	CHECK(pipe(there) == 0 && pipe(ends) == 0 && epoll >= 0);
	CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0);
	handle(SIGUSR1, on_usr1, SA_RESTART);
	block(SIGUSR1);
	sigemptyset(&none);
	struct pollfd polled = { .fd = ends[0], .events = POLLIN };

	ready();
	do {
		pid_t parent = getpid(), child = split();

		if (!child) {
			for (int i = 0; i < 3; i++) {
				hear(there[0]);
				CHECK(kill(parent, SIGUSR1) == 0);
			}
			_exit(0);
		}
		count = 0;
		tell(there[1], 'x');
		CHECK(ppoll(&polled, 1, &time, &none) == -1 && errno == EINTR && count == 1 && is_blocked());
		point();
		tell(there[1], 'x');
		FD_ZERO(&set);
		FD_SET(ends[0], &set);
		CHECK(pselect(ends[0] + 1, &set, NULL, NULL, &time, &none) == -1 && errno == EINTR && count == 2);
		CHECK(is_blocked());
		tell(there[1], 'x');
		CHECK(epoll_pwait(epoll, &event, 1, 20000, &none) == -1 && errno == EINTR && count == 3 && is_blocked());
		CHECK(exit_of(child) == 0);
		CHECK(raise(SIGUSR1) == 0);
		CHECK(ppoll(&polled, 1, &short_time, NULL) == 0 && count == 3);
		unblock(SIGUSR1);
		CHECK(count == 4);
		block(SIGUSR1);
	} while (again());
	return pass();
}
