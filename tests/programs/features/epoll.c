/* SPDX-License-Identifier: GPL-2.0-only */
/* files: epoll: level and edge triggered, one-shot, nested, data words, many descriptors */
#include "feature.h"
#include <sys/epoll.h>

#define PIPES 20

static int wait_for(int epoll, struct epoll_event *events, int milliseconds)
{
	int count;

	/* Whether a move may interrupt it is another program's question. */
	do
		count = epoll_wait(epoll, events, PIPES, milliseconds);
	while (count == -1 && errno == EINTR);
	return count;
}

int main(int argc, char **argv)
{
	int pipes[PIPES][2], epoll = epoll_create1(EPOLL_CLOEXEC), outer = epoll_create1(0);
	struct epoll_event events[PIPES], event;

	begin(argc, argv);
	CHECK(epoll >= 0 && outer >= 0);
	for (int i = 0; i < PIPES; i++) {
		CHECK(pipe(pipes[i]) == 0);
		event.events = EPOLLIN | (i % 2 ? EPOLLET : 0);
		event.data.u64 = 0x1234500000000000ul + i;
		CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, pipes[i][0], &event) == 0);
	}
	event = (struct epoll_event){ .events = EPOLLIN, .data.fd = epoll };
	CHECK(epoll_ctl(outer, EPOLL_CTL_ADD, epoll, &event) == 0);
	ready();
	do {
		CHECK(wait_for(epoll, events, 0) == 0 && wait_for(outer, events, 0) == 0);
		tell(pipes[4][1], 'x');
		tell(pipes[7][1], 'x');
		point();
		CHECK(wait_for(outer, events, 20000) == 1 && events[0].data.fd == epoll);
		CHECK(wait_for(epoll, events, 20000) == 2);
		for (int i = 0; i < 2; i++)
			CHECK(events[i].data.u64 == 0x1234500000000004ul || events[i].data.u64 == 0x1234500000000007ul);
		/* The edge has been told. */
		CHECK(wait_for(epoll, events, 0) == 1 && events[0].data.u64 == 0x1234500000000004ul);
		hear(pipes[4][0]);
		hear(pipes[7][0]);
		CHECK(wait_for(epoll, events, 0) == 0);
		event = (struct epoll_event){ .events = EPOLLIN | EPOLLONESHOT, .data.u32 = 3 };
		CHECK(epoll_ctl(epoll, EPOLL_CTL_MOD, pipes[0][0], &event) == 0);
		tell(pipes[0][1], 'x');
		CHECK(wait_for(epoll, events, 20000) == 1 && events[0].data.u32 == 3 && wait_for(epoll, events, 0) == 0);
		point();
		CHECK(epoll_ctl(epoll, EPOLL_CTL_MOD, pipes[0][0], &event) == 0 && wait_for(epoll, events, 20000) == 1);
		hear(pipes[0][0]);
		CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, pipes[0][0], &event) == -1 && errno == EEXIST);
		CHECK(epoll_ctl(epoll, EPOLL_CTL_DEL, pipes[1][0], NULL) == 0);
		tell(pipes[1][1], 'x');
		CHECK(wait_for(epoll, events, 0) == 0 && hear(pipes[1][0]) == 'x');
		event = (struct epoll_event){ .events = EPOLLIN | EPOLLET, .data.u64 = 0x1234500000000001ul };
		CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, pipes[1][0], &event) == 0);
	} while (again());
	return pass();
}
