/* SPDX-License-Identifier: GPL-2.0-only */
/* life: an exec that fails leaves the process as it was, and says why */
#include "feature.h"
#include <sys/stat.h>

#define SIZE (64 << 10)

int main(int argc, char **argv)
{
	char directory[] = "/tmp/feature.XXXXXX", path[64], *memory = malloc(SIZE);
	char *arguments[] = { "x", NULL }, *none[] = { NULL };
	/* More than a program may be given as one string. */
	static char huge[160 << 10];
	char *long_arguments[] = { "x", huge, NULL };

	begin(argc, argv);
	CHECK(memory && mkdtemp(directory));
	snprintf(path, sizeof path, "%s/file", directory);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	CHECK(fd >= 0 && write(fd, "no program at all", 17) == 17 && close(fd) == 0);
	memset(huge, 'x', sizeof huge - 1);
	ready();
	do {
		fill(memory, SIZE, run.round);
		CHECK(chmod(path, 0600) == 0);
		CHECK(execve("/nowhere/to/be/found", arguments, none) == -1 && errno == ENOENT);
		CHECK(execve(path, arguments, none) == -1 && errno == EACCES);
		CHECK(execve("/tmp", arguments, none) == -1 && errno == EACCES);
		point();
		CHECK(chmod(path, 0700) == 0);
		CHECK(execve(path, arguments, none) == -1 && errno == ENOEXEC);
		CHECK(execve(self(), long_arguments, none) == -1 && errno == E2BIG);
		CHECK(execve(address(8), arguments, none) == -1 && errno == EFAULT);
		CHECK(execveat(-1, "file", arguments, none, 0) == -1 && errno == EBADF);
		CHECK(is_filled(memory, SIZE, run.round));
	} while (again());
	CHECK(unlink(path) == 0 && rmdir(directory) == 0);
	return pass();
}
