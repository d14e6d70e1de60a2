/* SPDX-License-Identifier: GPL-2.0-only */
/* life: fork and wait: memory is copied, the parent hears of exit status, signal and CPU time */
#include "feature.h"

#define SIZE (256 << 10)

int main(int argc, char **argv)
{
	int to_child[2], status;
	struct rusage usage;
	char *memory = malloc(SIZE);

	begin(argc, argv);
	CHECK(memory && pipe(to_child) == 0);
	ready();
	do {
		pid_t parent = getpid();

		fill(memory, SIZE, run.round);
		pid_t child = split();

		if (!child) {
			CHECK(getppid() == parent && getpid() != parent);
			CHECK(is_filled(memory, SIZE, run.round));
			fill(memory, SIZE, 1000 + run.round);
			char code = hear(to_child[0]);

			CHECK(is_filled(memory, SIZE, 1000 + run.round) && getppid() == parent);
			_exit(code);
		}
		CHECK(waitpid(child, &status, WNOHANG) == 0);
		point();
		CHECK(getpid() == parent && is_filled(memory, SIZE, run.round));
		tell(to_child[1], 37);
		CHECK(waitpid(-1, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 37);

		child = split();
		if (!child)
			for (;;)
				pause();
		CHECK(kill(child, SIGTERM) == 0);
		status = status_of(child);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);

		child = split();
		if (!child) {
			burn(20);
			_exit(0);
		}
		CHECK(wait4(child, &status, 0, &usage) == child && status == 0);
		CHECK(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec > 0 ||
		      usage.ru_utime.tv_usec + usage.ru_stime.tv_usec >= 15000);
		CHECK(waitpid(-1, &status, 0) == -1 && errno == ECHILD);
	} while (again());
	return pass();
}
