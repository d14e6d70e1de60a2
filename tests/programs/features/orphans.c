/* SPDX-License-Identifier: GPL-2.0-only */
/* life: orphans go to the subreaper, which waits for them */
#include "feature.h"
#include <sys/prctl.h>

int main(int argc, char **argv)
{
	int there[2], back[2];

	begin(argc, argv);
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && pipe(there) == 0 && pipe(back) == 0);
	ready();
	do {
		pid_t reaper = getpid(), child = split(), orphan;

		if (!child) {
			orphan = split();
			if (orphan)
				_exit(3);
			/* Until it is one. */
			while (getppid() != reaper)
				nap(1);
			tell(back[1], 'o');
			hear(there[0]);
			CHECK(getppid() == reaper);
			_exit(5);
		}
		CHECK(exit_of(child) == 3);
		hear(back[0]);
		point();
		tell(there[1], 'x');
		int status;

		orphan = wait(&status);
		CHECK(orphan > 0 && orphan != child && WIFEXITED(status) && WEXITSTATUS(status) == 5);
		CHECK(wait(&status) == -1 && errno == ECHILD);
	} while (again());
	return pass();
}
