/* SPDX-License-Identifier: GPL-2.0-only */
/* life: parent and child share open files and their offsets after fork, but not the descriptor table */
#include "feature.h"

int main(int argc, char **argv)
{
	int there[2], back[2];
	char text[8];

	begin(argc, argv);
	CHECK(pipe(there) == 0 && pipe(back) == 0);
	ready();
	do {
		int fd = nameless_file();
		pid_t child = split();

		if (!child) {
			CHECK(write(fd, "child", 5) == 5);
			tell(back[1], 'w');
			hear(there[0]);
			CHECK(lseek(fd, 0, SEEK_CUR) == 11);
			CHECK(lseek(fd, 2, SEEK_SET) == 2 && close(fd) == 0);
			CHECK(fcntl(there[0], F_GETFL) == O_RDONLY);
			_exit(0);
		}
		hear(back[0]);
		point();
		CHECK(lseek(fd, 0, SEEK_CUR) == 5 && write(fd, "parent", 6) == 6);
		tell(there[1], 'w');
		CHECK(exit_of(child) == 0);
		/* The child's seek is ours, its close is not. */
		CHECK(read(fd, text, 6) == 6 && memcmp(text, "ildpar", 6) == 0);
		CHECK(close(fd) == 0);
	} while (again());
	return pass();
}
