/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: poll, select and epoll_wait interrupted by a handler say EINTR; poll and select by a move do not */
#include "feature.h"
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>

static volatile int count;

static void on_alarm(int signal) { (void)signal; count++; }

/* Again and again: a signal that comes before the call that it is to interrupt is no loss. */
static void tick(long milliseconds)
{
	struct itimerval timer = { { 0, milliseconds * 1000 }, { 0, milliseconds * 1000 } };

	count = 0;
	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

int main(int argc, char **argv)
{
	int ends[2];
	struct epoll_event event = { .events = EPOLLIN };

	begin(argc, argv);
	int epoll = epoll_create1(0);

	CHECK(pipe(ends) == 0 && epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0);
	handle(SIGALRM, on_alarm, SA_RESTART);
	ready();
	do {
		struct pollfd polled = { .fd = ends[0], .events = POLLIN };
		struct timeval time = { 20, 0 };
		fd_set set;
		int64_t before;

		tick(20);
		CHECK(poll(&polled, 1, 20000) == -1 && errno == EINTR && count > 0);
		tick(20);
		FD_ZERO(&set);
		FD_SET(ends[0], &set);
		CHECK(select(ends[0] + 1, &set, NULL, NULL, &time) == -1 && errno == EINTR && count > 0);
		/* Linux says how much is left. */
		CHECK(time.tv_sec < 20);
		tick(20);
		CHECK(epoll_wait(epoll, &event, 1, 20000) == -1 && errno == EINTR && count > 0);
		tick(0);
		point();
		/* Not interrupted by anything but moves. */
		before = now();
		CHECK(poll(&polled, 1, 60) == 0 && now() - before >= 50000000);
		before = now();
		FD_ZERO(&set);
		FD_SET(ends[0], &set);
		time = (struct timeval){ 0, 60000 };
		CHECK(select(ends[0] + 1, &set, NULL, NULL, &time) == 0 && now() - before >= 50000000);
		CHECK(time.tv_sec == 0 && time.tv_usec == 0);
	} while (again());
	return pass();
}
