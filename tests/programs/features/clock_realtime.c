/* SPDX-License-Identifier: GPL-2.0-only */
/* timers: the time of day never goes back, and agrees with what home's files say */
#include "feature.h"
#include <sys/stat.h>
#include <sys/time.h>

static int64_t last;

static int64_t look(void)
{
	struct timespec time;
	struct timeval day;

	CHECK(clock_gettime(CLOCK_REALTIME, &time) == 0);
	int64_t ns = time.tv_sec * 1000000000ll + time.tv_nsec;

	if (ns < last)
		fail("the time of day went back by %lld ns", (long long)(last - ns));
	last = ns;
	CHECK(gettimeofday(&day, NULL) == 0);
	ns = day.tv_sec * 1000000000ll + day.tv_usec * 1000ll;
	if (ns < last - 1000)
		fail("gettimeofday is %lld ns behind", (long long)(last - ns));
	return ns;
}

int main(int argc, char **argv)
{
	struct stat status;

	begin(argc, argv);
	ready();
	do {
		look();
		point();
		for (int i = 0; i < 100; i++)
			look();
		int64_t before = look();
		int fd = nameless_file();

		CHECK(fstat(fd, &status) == 0 && close(fd) == 0);
		int64_t made = status.st_mtim.tv_sec * 1000000000ll + status.st_mtim.tv_nsec;

		/* A file's time is a tick behind at most. */
		if (made < before - 20000000 || made > look())
			fail("a file's time is %lld ns after what it was before", (long long)(made - before));
	} while (again());
	return pass();
}
