/* SPDX-License-Identifier: GPL-2.0-only */
/* files: eventfd: counter and semaphore modes, between processes */
#include "feature.h"
#include <sys/eventfd.h>

int main(int argc, char **argv)
{
	uint64_t value;
	int plain = eventfd(0, EFD_NONBLOCK), semaphore = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK);
	int blocking = eventfd(0, 0);

	begin(argc, argv);
	CHECK(plain >= 0 && semaphore >= 0 && blocking >= 0);
	ready();
	do {
		CHECK(read(plain, &value, 8) == -1 && errno == EAGAIN);
		value = 5;
		CHECK(write(plain, &value, 8) == 8);
		value = 1ul << 40;
		CHECK(write(plain, &value, 8) == 8);
		pid_t child = split();

		if (!child) {
			value = 17;
			nap(5);
			CHECK(write(blocking, &value, 8) == 8);
			_exit(0);
		}
		point();
		CHECK(read(plain, &value, 8) == 8 && value == (1ul << 40) + 5);
		CHECK(read(blocking, &value, 8) == 8 && value == 17);
		for (int i = 0; i < 3; i++)
			CHECK(read(semaphore, &value, 8) == 8 && value == 1);
		CHECK(read(semaphore, &value, 8) == -1 && errno == EAGAIN);
		value = 3;
		CHECK(write(semaphore, &value, 8) == 8);
		struct pollfd polled = { .fd = semaphore, .events = POLLIN | POLLOUT };

		CHECK(poll(&polled, 1, 0) == 1 && polled.revents == (POLLIN | POLLOUT));
		CHECK(exit_of(child) == 0);
	} while (again());
	return pass();
}
