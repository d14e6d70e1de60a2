/* SPDX-License-Identifier: GPL-2.0-only */
/* life: a daemon is born: two forks and a new session; ids are as they should be */
#include "feature.h"
#include <sys/prctl.h>

struct report { pid_t pid, parent, group, session; };

int main(int argc, char **argv)
{
	int back[2], there[2];
	struct report report;

	begin(argc, argv);
	CHECK(pipe(back) == 0 && pipe(there) == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	ready();
	do {
		pid_t top = getpid(), first = split();

		if (!first) {
			CHECK(setsid() == getpid());
			CHECK(setsid() == -1 && errno == EPERM);
			CHECK(open("/dev/tty", O_RDWR) == -1 && errno == ENXIO);
			if (split())
				_exit(0);
			while (getppid() != top)
				nap(1);
			CHECK(chdir("/") == 0);
			hear(there[0]);
			report = (struct report){ getpid(), getppid(), getpgrp(), getsid(0) };
			CHECK(write(back[1], &report, sizeof report) == sizeof report);
			_exit(0);
		}
		CHECK(exit_of(first) == 0);
		point();
		tell(there[1], 'x');
		CHECK(read(back[0], &report, sizeof report) == sizeof report);
		CHECK(report.parent == top && report.session == first && report.group == first && report.pid != first);
		CHECK(exit_of(report.pid) == 0);
		CHECK(getsid(0) != first);
	} while (again());
	return pass();
}
