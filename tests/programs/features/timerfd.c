/* SPDX-License-Identifier: GPL-2.0-only */
/* timers: timerfd: expirations are counted, polled for, cancelled; absolute times */
#include "feature.h"
#include <sys/timerfd.h>

int main(int argc, char **argv)
{
	uint64_t expirations;
	struct itimerspec found;
	struct timespec time;

	begin(argc, argv);
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	struct pollfd polled = { .fd = fd, .events = POLLIN };

	CHECK(fd >= 0);
	ready();
	do {
		struct itimerspec often = { { 0, 5000000 }, { 0, 5000000 } }, off = { { 0, 0 }, { 0, 0 } };
		struct itimerspec at = { { 0, 0 }, { 0, 0 } };
		int64_t before = now();
		uint64_t sum = 0;

		CHECK(timerfd_settime(fd, 0, &often, NULL) == 0);
		point();
		while (sum < 8) {
			CHECK(poll(&polled, 1, 20000) == 1);
			CHECK(read(fd, &expirations, 8) == 8 && expirations > 0);
			sum += expirations;
		}
		int64_t after = now();

		if (sum > (uint64_t)(after - before) / 5000000)
			fail("%lu expirations in %lld ns", sum, (long long)(after - before));
		CHECK(timerfd_gettime(fd, &found) == 0 && found.it_interval.tv_nsec == 5000000);
		CHECK(timerfd_settime(fd, 0, &off, NULL) == 0);
		CHECK(read(fd, &expirations, 8) == -1 && errno == EAGAIN);
		CHECK(clock_gettime(CLOCK_MONOTONIC, &time) == 0);
		int64_t until = time.tv_sec * 1000000000ll + time.tv_nsec + 40000000;

		at.it_value = (struct timespec){ until / 1000000000, until % 1000000000 };
		CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &at, NULL) == 0);
		point();
		CHECK(poll(&polled, 1, 20000) == 1 && now() >= until - 10000000);
		CHECK(read(fd, &expirations, 8) == 8 && expirations == 1);
	} while (again());
	return pass();
}
