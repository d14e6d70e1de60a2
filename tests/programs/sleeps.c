/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sleeping calls that a move interrupts go on as if nothing had happened: none returns EINTR, none returns
 * early, whatever it waits in.
 */
#include "program.h"
#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>

static int64_t now(void)
{
	struct timespec time;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &time) == 0);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

int main(int argc, char **argv)
{
	const int64_t length = 400000000;
	const struct timespec time = { 0, length };
	int ends[2], epoll;
	uint32_t word = 5;

	start(argc, argv);
	CHECK(pipe(ends) == 0 && (epoll = epoll_create1(0)) >= 0);
	struct epoll_event event = { .events = EPOLLIN };

	CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0);
	do {
		int64_t before = now();

		switch (rounds_done % 5) {
		case 0:
			CHECK(nanosleep(&time, NULL) == 0);
			break;
		case 1: {
			struct pollfd polled = { .fd = ends[0], .events = POLLIN };

			CHECK(poll(&polled, 1, length / 1000000) == 0);
			break;
		}
		case 2: {
			fd_set set;
			struct timeval timeout = { 0, length / 1000 };

			FD_ZERO(&set);
			FD_SET(ends[0], &set);
			CHECK(select(ends[0] + 1, &set, NULL, NULL, &timeout) == 0);
			break;
		}
		case 3:
			/* epoll_wait is allowed to be interrupted when its process is moved or stopped. */
			while (epoll_wait(epoll, &event, 1, length / 1000000) == -1)
				CHECK(errno == EINTR);
			break;
		case 4:
			CHECK(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 5, &time, NULL, 0) == -1 && errno == ETIMEDOUT);
			break;
		}
		if (now() - before < length)
			fail("kind %ld returned %lld ns early", rounds_done % 5, (long long)(length - now() + before));
	} while (another_round());
	return pass();
}
