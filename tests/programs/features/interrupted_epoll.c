/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: epoll_wait is not interrupted by a move */
#include "feature.h"
#include <sys/epoll.h>

int main(int argc, char **argv)
{
	int ends[2];
	struct epoll_event event = { .events = EPOLLIN };

	begin(argc, argv);
	int epoll = epoll_create1(0);

	CHECK(pipe(ends) == 0 && epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0);
	ready();
	do {
		for (int i = 0; i < 4; i++) {
			int64_t before = now();

			CHECK(epoll_wait(epoll, &event, 1, 60) == 0);
			CHECK(now() - before >= 50000000);
		}
		point();
	} while (again());
	return pass();
}
