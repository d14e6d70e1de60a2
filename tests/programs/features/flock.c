/* SPDX-License-Identifier: GPL-2.0-only */
/* files: flock: exclusive and shared, waiting, inherited by fork, given up by close */
#include "feature.h"
#include <sys/file.h>

int main(int argc, char **argv)
{
	char path[] = "/tmp/feature.XXXXXX";
	int fd = mkstemp(path), there[2], back[2];

	begin(argc, argv);
	CHECK(fd >= 0 && pipe(there) == 0 && pipe(back) == 0);
	ready();
	do {
		CHECK(flock(fd, LOCK_EX) == 0);
		pid_t child = split();

		if (!child) {
			int own = open(path, O_RDWR);

			CHECK(own >= 0 && flock(own, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK);
			/* Inherited: the same open file, so the same lock. */
			CHECK(flock(fd, LOCK_EX | LOCK_NB) == 0);
			tell(back[1], 'x');
			CHECK(flock(own, LOCK_SH) == 0);
			tell(back[1], 'y');
			hear(there[0]);
			_exit(0);
		}
		CHECK(hear(back[0]) == 'x');
		point();
		CHECK(flock(fd, LOCK_SH) == 0 && hear(back[0]) == 'y');
		CHECK(flock(fd, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK);
		tell(there[1], 'x');
		CHECK(exit_of(child) == 0);
		point();
		CHECK(flock(fd, LOCK_EX | LOCK_NB) == 0 && flock(fd, LOCK_UN) == 0);
	} while (again());
	CHECK(unlink(path) == 0);
	return pass();
}
